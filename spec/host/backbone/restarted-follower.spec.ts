import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import type { RemoteBrokerOptions } from '../../../src/client/remote-broker.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer, HostServerOptions } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { Bus, Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { handOver } from '../../support/hand-over.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, upTo } from '../../support/messages.js'

const nothing = (): void => undefined

/** Those that came before without being flagged now. */
function unflagged(messages: readonly Message[]): unknown[] {
  return messages.filter(
    ({ payload, redelivered }, at) =>
      !redelivered && messages.slice(0, at).some(before => before.payload === payload),
  )
}

describe('a client of a restarted follower', () => {
  let leader: HostServer
  let follower: HostServer
  let leaderPort: number
  let id: string
  let buses: Bus[]
  /** Published while a follower is away. */
  let meanwhile: unknown[]
  let disk: Disk
  const bus = ({ port }: HostServer, options: Partial<RemoteBrokerOptions> = {}): Bus => {
    const { bus } = clientOf(port, options)
    buses.push(bus)
    return bus
  }
  const hostStatus = (id: string): HostServerOptions['hostStatus'] => {
    const rest = { pid: process.pid, version: '0', port: 1900, address: '', capabilities: {}, uptimeMs: 0 }
    return () => ({ id, leader: false, ...rest })
  }
  const startLeader = async (port = 0): Promise<void> => {
    leader = await startServer({
      port,
      awaitsStore: true,
      sessionTtl: 2_000,
      backbone: options => new Leader(options),
      hostStatus: hostStatus(randomUUID()),
    })
    leaderPort = leader.port
    leader.openStore(new HostStore({ store: disk.mortal().store, warn: nothing, id: 'of the leader' }))
  }
  const startFollower = (port = 0, options: Partial<HostServerOptions> = {}): Promise<HostServer> => {
    id = randomUUID()
    return startServer({
      port,
      hostStatus: hostStatus(id),
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leaderPort),
          credential: () => Promise.resolve({ secret }),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
      ...options,
    })
  }
  /** With a store: it closes that in order, and the next one opens it. */
  const reopen = async (own: Disk, isRestart = true): Promise<void> => {
    const { port } = follower
    if (isRestart) await follower.sessions.transfer.passOn()
    await follower.close()
    await publishAll(bus(leader), 't', meanwhile.splice(0))
    follower = await startFollower(port, { awaitsStore: true, sessionTtl: 5_000 })
    follower.openStore(new HostStore({ store: own.mortal().store, warn: nothing }))
  }
  const restart = async (): Promise<void> => {
    const before = id
    const { port } = follower
    await handOver(follower, before, async () => {
      follower = await startFollower(port, { awaitsServices: true })
      return follower
    })
  }

  beforeEach(async () => {
    buses = []
    meanwhile = []
    disk = new Disk()
    await startLeader()
    follower = await startFollower()
  })
  afterEach(async () => {
    await Promise.all(buses.map(each => each.close({ drain: false })))
    await follower.close()
    await leader.close()
  })

  it('goes on in its replay at the leader, without a gap, and nothing comes again unflagged', async () => {
    const near = bus(leader)
    await publishAll(near, 't', upTo(100))
    const far = bus(follower)
    const errors = collect(far.errors$)
    const all = collect(far.topic('t', { from: 'start' }))
    const last = collect(far.topic('t', { from: { last: 10 } }))
    const held = collect(far.topic('t', { from: 'start', ack: 'manual', prefetch: 5 }))
    await Promise.all([all.first(100), last.first(10), held.first(5)])
    await publishAll(near, 't', upTo(110).slice(100))
    await Promise.all([all.first(110), last.first(20)])
    for (const message of held.values.slice(0, 3)) message.ack()
    await eventually(() => expect(held.values).to.have.lengthOf(8))
    await restart()
    await publishAll(near, 't', upTo(120).slice(110))
    await eventually(() => {
      for (const message of held.values) message.ack()
      expect(new Set(payloads(held.values)).size).to.equal(120)
    })
    await restart()
    await publishAll(near, 't', upTo(130).slice(120))
    await eventually(() => {
      expect(all.values.some(({ payload }) => payload === 130)).to.equal(true)
      expect(last.values.some(({ payload }) => payload === 130)).to.equal(true)
    })
    await far.ready()
    expect(new Set(payloads(all.values)).size).to.equal(130)
    expect(new Set(payloads(last.values)).size).to.equal(40)
    for (const { values } of [all, last, held]) expect(unflagged(values)).to.deep.equal([])
    expect(errors.values).to.deep.equal([])
  })

  it('gets the rest of its replay once, also when the leader is restarted after that', async () => {
    const near = bus(leader)
    await publishAll(near, 't', upTo(20))
    const far = bus(follower)
    const got = collect(far.topic('t', { from: 'start' }))
    await got.first(20)
    await restart()
    await far.ready()
    await publishAll(near, 't', upTo(30).slice(20))
    await got.first(30)
    await far.ready()
    await leader.close()
    await startLeader(leaderPort)
    await publishAll(near, 't', upTo(40).slice(30))
    await got.first(40)
    await eventually(() => expect(new Set(payloads(got.values)).size).to.equal(40))
    // Verdicts that were on their way to a host that ended are lost: their messages come again, with the flag.
    expect(unflagged(got.values)).to.deep.equal([])
  })

  it('has subscriptions that the leader does not know yet, with a name and with a replay', async () => {
    await publishAll(bus(leader), 't', upTo(5))
    await eventually(() => expect(follower.sessions.backbone.members.list()).to.have.lengthOf(2))
    await leader.close()
    const far = bus(follower)
    const named = collect(far.topic('t', { name: 'work' }))
    const replayed = collect(far.topic('t', { from: 'start' }))
    await eventually(() => {
      const held = follower.sessions.transfer.held.sessions.map(({ consumers }) => [...consumers].length)
      expect(held).to.include(2)
    })
    await restart()
    await startLeader(leaderPort)
    await far.ready()
    await publishAll(bus(leader), 't', [6])
    await Promise.all([replayed.first(6), named.first(1)])
    expect(payloads(replayed.values)).to.deep.equal(upTo(6))
    expect(payloads(named.values)).to.deep.equal([6])
    expect([named, replayed].flatMap(({ errors }) => errors)).to.deep.equal([])
  })

  it('goes on with a message that it failed while the leader was away: that one comes first, with the flag', async () => {
    const near = bus(leader)
    const far = bus(follower)
    const errors = collect(far.errors$)
    const work = collect(far.topic('t', { name: 'work', ack: 'manual', prefetch: 3 }))
    await far.ready()
    await publishAll(near, 't', upTo(6))
    await work.first(3)
    await leader.close()
    // The client asks whether a failed message is first: only the leader knows.
    work.values[0]?.nack({ delay: 0 })
    await far.publish('other', 0)
    await restart()
    await restart()
    await startLeader(leaderPort)
    await work.first(6)
    expect(work.values.slice(3, 6).map(({ payload, redelivered }) => [payload, redelivered])).to.deep.equal([
      [1, true],
      [2, true],
      [3, true],
    ])
    await eventually(() => {
      for (const message of work.values) message.ack()
      expect(new Set(payloads(work.values)).size).to.equal(6)
    })
    expect(errors.values).to.deep.equal([])
  })

  it('has answers to its calls also when it is not back before the next restart', async () => {
    let mayCome = nothing
    let coming = Promise.resolve()
    const { port } = follower
    const far = bus(follower, { locate: () => coming.then(() => `http://127.0.0.1:${port}`) })
    await far.ready()
    await leader.close()
    const got = collect(far.topic('t', { name: 'work' }))
    const ready = far.ready()
    await far.publish('other', 0)
    coming = new Promise(resolve => (mayCome = resolve))
    await restart()
    await restart()
    mayCome()
    await startLeader(leaderPort)
    await ready
    await publishAll(bus(leader), 't', [1])
    expect(payloads(await got.first(1))).to.deep.equal([1])
  })

  it('is away for the leader until it is back: another consumer may change the rules of its name', async () => {
    let mayCome = nothing
    let coming = Promise.resolve()
    const { port } = follower
    const far = bus(follower, { locate: () => coming.then(() => `http://127.0.0.1:${port}`) })
    const work = collect(far.topic('t', { name: 'work', attempts: 2 }))
    await far.ready()
    coming = new Promise(resolve => (mayCome = resolve))
    await restart()
    const near = bus(leader)
    await eventually(async () => {
      const [subscription] = (await near.status()).subscriptions
      expect(subscription).to.include({ name: 'work', consumers: 1 })
    })
    await eventually(async () => {
      const other = collect(near.topic('t', { name: 'work', attempts: 3 }))
      await near.ready()
      other.unsubscribe()
      expect(other.errors).to.deep.equal([])
    })
    mayCome()
    await far.ready()
    expect(work.errors).to.deep.equal([])
  })

  describe('with a store', () => {
    let own: Disk
    beforeEach(async () => {
      await follower.close()
      own = new Disk()
      follower = await startFollower(0, { awaitsStore: true, sessionTtl: 5_000 })
      follower.openStore(new HostStore({ store: own.mortal().store, warn: nothing }))
    })

    it('misses no message of other hosts, without a name and in a replay, and hears of no gap', async () => {
      const near = bus(leader)
      await publishAll(near, 't', upTo(10))
      const far = bus(follower)
      const errors = collect(far.errors$)
      const live = collect(far.topic(/^t/))
      const all = collect(far.topic('t', { from: 'start' }))
      await far.ready()
      await publishAll(near, 't', upTo(20).slice(10))
      await Promise.all([live.first(10), all.first(20)])
      for (const from of [20, 40]) {
        const sent = upTo(from + 20).slice(from)
        meanwhile = sent.slice(0, 10)
        await reopen(own)
        await publishAll(near, 't', sent.slice(10))
        await eventually(() => {
          expect(new Set(payloads(live.values)).size).to.equal(from + 10)
          expect(new Set(payloads(all.values)).size).to.equal(from + 20)
        })
        await far.ready()
      }
      for (const { values } of [live, all]) expect(unflagged(values)).to.deep.equal([])
      expect(errors.values).to.deep.equal([])
    })

    it('keeps a subscription that it makes while the follower writes its last', async () => {
      const far = bus(follower)
      await far.ready()
      const write = own.store.transact.bind(own.store)
      let release = nothing
      const held = new Promise<void>(resolve => (release = resolve))
      own.store.transact = async collect => {
        await held
        return write(collect)
      }
      const passedOn = follower.sessions.transfer.passOn()
      const got: unknown[] = []
      let error: unknown
      let state = ''
      far.state$.subscribe(each => (state = each))
      far.topic('t', { name: 'late' }).subscribe({
        next: ({ payload }) => got.push(payload),
        error: (reason: unknown) => (error = reason),
      })
      await eventually(() => expect(state !== 'connected' || error !== undefined).to.equal(true))
      release()
      own.store.transact = write
      await passedOn
      await reopen(own, false)
      await far.ready()
      await publishAll(bus(leader), 't', [1])
      await eventually(() => expect(got).to.deep.equal([1]))
      expect(error).to.equal(undefined)
    })

    it('hears of a gap after a death, and when the leader does not know the host any more', async () => {
      const near = bus(leader)
      const far = bus(follower)
      const errors = collect(far.errors$)
      const live = collect(far.topic(/^t/))
      await far.ready()
      await publishAll(near, 't', [1])
      await live.first(1)
      await reopen(own, false)
      expect(await errors.first(1)).to.have.lengthOf(1)
      await far.ready()
      const { port } = follower
      await follower.sessions.transfer.passOn()
      await follower.close()
      await leader.close()
      await startLeader(leaderPort)
      follower = await startFollower(port, { awaitsStore: true })
      follower.openStore(new HostStore({ store: own.mortal().store, warn: nothing }))
      expect((await errors.first(2))[1]).to.include({ code: 'MSGVAN_GAP' })
      expect(errors.values[1]).to.have.deep.property('patterns', ['/^t/'])
    })
  })

  it('leaves nothing behind at the leader when it does not come back', async () => {
    const far = bus(follower)
    const got = collect(far.topic('t', { from: 'start' }))
    await far.ready()
    const before = id
    const { port } = follower
    follower.sessions.transfer.abandon(() => false)
    got.unsubscribe()
    await far.close({ drain: false })
    await follower.close()
    follower = await startFollower(port, { awaitsServices: true })
    follower.sessions.backbone.continueFrom?.(before)
    follower.ready()
    const near = bus(leader)
    await eventually(async () => {
      expect((await near.status()).subscriptions).to.deep.equal([])
      expect((await near.status()).hosts).to.have.lengthOf(2)
    })
  })
})
