import { expect } from 'chai'
import { Convention, type ConventionHost } from '../../support/convention.js'
import { collect, payloads, publishAll, statusOf, untilStatus, upTo } from '../../support/messages.js'

describe('restart of one of several hosts without a store', () => {
  let hosts: Convention
  beforeEach(async () => {
    hosts = await Convention.start(2)
  })
  afterEach(() => hosts.clean())

  const restart = async ({ sandbox }: ConventionHost): Promise<void> => {
    const { code, stderr } = await sandbox.msgvan(['restart']).ended
    expect(code, stderr).to.equal(0)
    await sandbox.hostPid()
  }

  it('a leader hands over its named subscriptions with their consumers at followers, and loses nothing under load', async () => {
    const [near, far, other] = [hosts.leader.bus(), hosts.follower(0).bus(), hosts.follower(1).bus()]
    const errors = [near, far, other].map(bus => collect(bus.errors$))
    far.topic('waits', { name: 'waits' }).subscribe().unsubscribe()
    const work = collect(far.topic(/^t/, { name: 'work', ack: 'manual', prefetch: 10 }))
    const unnamed = collect(other.topic(/^t/))
    for (const bus of [near, far, other]) await bus.ready()
    await publishAll(near, 'waits', upTo(200))
    await publishAll(other, 't', upTo(20))
    await work.first(10)
    let isOver = false
    const publishing = [near, far, other].map(async (bus, at) => {
      let sent = 0
      while (!isOver) {
        await bus.publish('t', `${at}:${(sent += 1)}`)
        await new Promise(resolve => setTimeout(resolve, 2))
      }
      return sent
    })
    await restart(hosts.leader)
    isOver = true
    const total = (await Promise.all(publishing)).reduce((sum, sent) => sum + sent, 20)
    for (let done = 0; done < total; done = work.values.length) {
      for (const message of work.values) message.ack()
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await untilStatus(near, 'work', { pending: 0 })
    expect(payloads(work.values)).to.have.lengthOf(total)
    expect(work.values.filter(({ redelivered }) => redelivered)).to.deep.equal([])
    expect(new Set(payloads(await unnamed.first(total))).size).to.equal(total)
    expect(await statusOf(near, 'waits')).to.include({ pending: 200 })
    for (const each of errors) expect(each.values).to.deep.equal([])
  })
})
