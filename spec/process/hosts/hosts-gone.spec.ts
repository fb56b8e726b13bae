import { expect } from 'chai'
import { setTimeout as pass } from 'node:timers/promises'
import type { Bus, HostEvent } from '../../../src/index.js'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, publishAll, untilStatus, upTo, type Collected } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

/** What those other than the bus's own host did. */
async function othersAre(
  events: Collected<HostEvent>,
  bus: Bus,
  expected: HostEvent['type'][],
): Promise<void> {
  const { host } = await bus.status()
  await eventually(() => {
    const others = events.values.filter(event => event.host.id !== host.id)
    expect(others.map(({ type }) => type)).to.deep.equal(expected)
  })
}

/** All who are together know of each other. */
async function areTogether(hosts: Convention): Promise<void> {
  for (const host of [hosts.leader, ...hosts.followers]) {
    const bus = host.bus()
    await bus.ready()
    await eventually(async () => {
      expect((await bus.status()).hosts).to.have.lengthOf(hosts.followers.length + 1)
    })
  }
}

describe('hosts that come and go', () => {
  let hosts: Convention
  let proxy: Proxy | undefined
  afterEach(async () => {
    await hosts.clean()
    await proxy?.close()
    proxy = undefined
  })

  it('hosts$ reports changes to all, and the present hosts to a late subscriber first', async () => {
    hosts = await Convention.start(2, { args: ['--heartbeat', '0.5'] })
    await areTogether(hosts)
    const bus = hosts.leader.bus()
    const elsewhere = hosts.follower(1).bus()
    const seen = collect(bus.hosts$)
    const seenElsewhere = collect(elsewhere.hosts$)
    await othersAre(seen, bus, ['joined', 'joined'])
    await othersAre(seenElsewhere, elsewhere, ['joined', 'joined'])

    const [first] = hosts.followers
    first?.process?.child.kill('SIGSTOP')
    await othersAre(seen, bus, ['joined', 'joined', 'left'])
    await othersAre(seenElsewhere, elsewhere, ['joined', 'joined', 'left'])
    expect((await bus.status()).hosts).to.have.lengthOf(2)

    first?.process?.child.kill('SIGCONT')
    await othersAre(seen, bus, ['joined', 'joined', 'left', 'joined'])

    await hosts.follower(0).control('capabilities', { writer: true })
    await othersAre(seen, bus, ['joined', 'joined', 'left', 'joined', 'changed'])
    await othersAre(seenElsewhere, elsewhere, ['joined', 'joined', 'left', 'joined', 'changed'])
    expect(seenElsewhere.values.at(-1)?.host.capabilities).to.deep.equal({ writer: true })
    const late = collect(elsewhere.hosts$)
    await othersAre(late, elsewhere, ['joined', 'joined'])
  })

  it('a link that is cut for two seconds delays what has to cross it, and nothing else', async () => {
    hosts = await Convention.start(1, {
      via: async port => {
        proxy = await Proxy.to(port)
        return proxy.port
      },
    })
    const leader = hosts.leader.bus('cut')
    const follower = hosts.follower().bus('cut')
    const there = { leader: collect(leader.topic(/^from\./)), follower: collect(follower.topic(/^from\./)) }
    await leader.ready()
    await follower.ready()
    await publishAll(leader, 'from.leader', [0])
    await publishAll(follower, 'from.follower', [0])
    await there.leader.first(2)
    await there.follower.first(2)

    proxy?.cut()
    const mended = pass(2_000).then(() => proxy?.mend())
    await Promise.all([
      publishAll(leader, 'from.leader', upTo(100)),
      publishAll(follower, 'from.follower', upTo(100)),
    ])
    await there.leader.first(102)
    await there.follower.first(102)
    await mended
    for (const seen of [there.leader, there.follower]) {
      await seen.first(202)
      for (const topic of ['from.leader', 'from.follower'])
        expect(payloads(seen.values.filter(message => message.topic === topic))).to.deep.equal([
          0,
          ...upTo(100),
        ])
    }
  })

  it('messages for other hosts when the leader dies reach them when it is back', async () => {
    hosts = await Convention.start(2)
    await areTogether(hosts)
    const [one, other] = [hosts.follower(0).bus('dead'), hosts.follower(1).bus('dead')]
    const here = collect(one.topic('t'))
    const beyond = collect(other.topic('t'))
    await other.ready()
    await one.ready()
    await publishAll(one, 't', [0])
    await beyond.first(1)

    await hosts.leader.process?.kill('SIGKILL')
    await publishAll(one, 't', upTo(100))
    expect(payloads(await here.first(101))).to.deep.equal([0, ...upTo(100)])
    await hosts.leader.start()
    await beyond.first(101)
    expect([...new Set(payloads(beyond.values))]).to.deep.equal([0, ...upTo(100)])
  })

  it('a follower that comes back as a new process has no ghosts', async () => {
    hosts = await Convention.start(1)
    await areTogether(hosts)
    const leader = hosts.leader.bus('ghosts')
    const before = hosts.follower().bus('ghosts')
    collect(before.topic('t'))
    collect(before.topic('t', { name: 'w' }))
    await before.ready()
    await untilStatus(leader, 'w', { consumers: 1 })
    expect((await leader.status()).subscriptions).to.have.lengthOf(2)

    await hosts.follower().process?.kill('SIGKILL')
    await before.close({ drain: false })
    await hosts.follower().start()
    await areTogether(hosts)
    await untilStatus(leader, 'w', { consumers: 0 })
    expect((await leader.status()).subscriptions).to.have.lengthOf(1)
    const after = hosts.follower().bus('ghosts')
    const seen = collect(after.topic('t'))
    await after.ready()
    await publishAll(leader, 't', upTo(10))
    await leader.publish('t', 'end')
    await eventually(() => expect(seen.values.at(-1)?.payload).to.equal('end'))
    expect(payloads(seen.values)).to.deep.equal([...upTo(10), 'end'])
  })
})
