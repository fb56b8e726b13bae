import { expect } from 'chai'
import { isGoneWithin } from '../../../src/daemon/gone.js'
import { GapError, type Bus } from '../../../src/index.js'
import { Convention } from '../../support/convention.js'
import { collect, payloads, statusOf, upTo } from '../../support/messages.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

describe('names after the death of a host without a store', () => {
  let sandbox: Sandbox
  const buses: Bus[] = []
  const open = (van = 'default'): Bus => {
    const bus = busOn(sandbox, van)
    buses.push(bus)
    return bus
  }

  beforeEach(async () => {
    sandbox = await Sandbox.make()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(bus => bus.close({ drain: false })))
    await sandbox.clean()
  })

  async function kill(): Promise<void> {
    const pid = await sandbox.hostPid()
    process.kill(pid, 'SIGKILL')
    expect(await isGoneWithin(10_000, pid, sandbox.port)).to.equal(true)
  }

  const subscriber = (): Started =>
    sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      bus.errors$.subscribe(({ code, names, patterns }) => console.log('error', code, JSON.stringify({ names, patterns })))
      bus.topic(/^t/, { name: 'work', attempts: 3 }).subscribe(({ payload }) => console.log('got', payload))
      await bus.ready()
      console.log('in force')`)

  it('keep the messages of 20 publishers for a subscriber that is back later', async () => {
    const work = subscriber()
    await work.shows(/in force/)
    const publishers = upTo(20).map(() => open())
    await Promise.all(publishers.map(bus => bus.ready()))
    work.child.kill('SIGSTOP')
    await kill()
    // Some of it waits in outboxes for the host that comes, some is published to it.
    const early = publishers.flatMap((bus, at) => upTo(10).map(n => bus.publish('t', `${at}:${n}`)))
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    await Promise.all(early)
    await Promise.all(publishers.flatMap((bus, at) => upTo(10).map(n => bus.publish('t', `${at}:${n + 10}`))))
    const [one] = publishers
    if (one === undefined) throw new Error('no publisher')
    expect(await statusOf(one, 'work')).to.include({ pending: 400, consumers: 0 })
    work.child.kill('SIGCONT')
    await one.publish('t', 'end')
    await work.shows(/got end\n/)
    const got = work.lines.filter(line => line.startsWith('got')).map(line => line.slice(4))
    for (const at of publishers.keys())
      expect(got.filter(line => line.startsWith(`${at}:`))).to.deep.equal(upTo(20).map(n => `${at}:${n}`))
    expect(got).to.have.lengthOf(401)
  })

  it('stand in the GapError: their messages in the lost memory are gone', async () => {
    const bus = open()
    const errors = collect(bus.errors$)
    bus.topic(/^t/, { name: 'work' }).subscribe()
    bus.topic('u').subscribe()
    await bus.ready()
    await kill()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    const [gap] = await errors.first(1)
    expect(gap).to.be.instanceOf(GapError)
    expect(gap).to.deep.include({ patterns: ['u', '/^t/'], names: ['work'] })
    expect(gap?.message).to.match(/are gone, also for subscriptions with a name: work\./)
  })

  it('go with the host that is stopped, and come back with no rules but their own', async () => {
    const bus = open('a van')
    const kept = bus
      .topic(/^t/, { name: 'work', attempts: 7, maxPending: 3, overflow: 'drop-oldest' })
      .subscribe()
    await bus.ready()
    kept.unsubscribe()
    await bus.unsubscribe('never there')
    await kill()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    for (const n of upTo(5)) await bus.publish('t', n)
    expect(await statusOf(bus, 'work')).to.include({ pending: 3, dropped: 2 })
    await bus.unsubscribe('work')
    expect((await bus.status()).subscriptions).to.deep.equal([])
    await bus.ready()
    await kill()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    expect((await bus.status()).subscriptions).to.deep.equal([])
    bus.topic(/^t/, { name: 'again' }).subscribe().unsubscribe()
    await bus.ready()
    expect(await sandbox.msgvan(['stop']).ended).to.include({ code: 0 })
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    expect((await bus.status()).subscriptions).to.deep.equal([])
  })

  it('at a leader wait for the subscribers of its followers, too', async () => {
    const hosts = await Convention.start(1)
    try {
      const far = hosts.follower(0).bus()
      const got = collect(far.topic(/^t/, { name: 'work' }))
      await far.ready()
      const leader = hosts.leader.process
      // The follower is stopped, so that the next leader takes over before it is back.
      hosts.follower(0).process?.child.kill('SIGSTOP')
      await leader?.kill('SIGKILL')
      await hosts.leader.start()
      const near = hosts.leader.bus()
      for (const n of upTo(20)) await near.publish('t', n)
      hosts.follower(0).process?.child.kill('SIGCONT')
      await near.publish('t', 'end')
      expect(payloads(await got.first(21))).to.deep.equal([...upTo(20), 'end'])
    } finally {
      await hosts.clean()
    }
  })
})
