import { expect } from 'chai'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import { SlowSubscriptionError, type Bus, type Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, untilStatus, upTo } from '../../support/messages.js'

const rules = { name: 'w', maxPending: 1 } as const

describe('a publish that a full subscription holds', () => {
  let server: HostServer
  let warnings: string[]
  let disk: Disk | undefined
  let die: () => void
  const buses: Bus[] = []
  const bus = (): Bus => {
    const made = clientOf(server.port).bus
    buses.push(made)
    return made
  }

  const start = async (port = 0): Promise<void> => {
    const mortal = disk?.mortal()
    die = () => mortal?.die()
    server = await startServer({
      port,
      sessionTtl: 5_000,
      warn: text => warnings.push(text),
      awaitsStore: mortal !== undefined,
    })
    if (mortal !== undefined) server.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
  }
  /** As kill -9 does: what was not written by now is lost. */
  const crash = async (): Promise<void> => {
    const { port } = server
    die()
    await server.close()
    await start(port)
  }
  const register = async (): Promise<void> => {
    const first = bus()
    const subscription = first.topic('t', rules).subscribe()
    await first.ready()
    subscription.unsubscribe()
    await untilStatus(first, 'w', { consumers: 0 })
  }
  const flagged = (messages: readonly Message[]) =>
    messages.map(({ payload, redelivered }) => [payload, redelivered])

  beforeEach(() => {
    warnings = []
    disk = undefined
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await server.close()
  })

  it('is still owed when its publisher is gone', async () => {
    await start()
    await register()
    const [publisher, other] = [bus(), bus()]
    await publisher.publish('t', 1)
    publisher.publish('t', 2).catch(() => undefined)
    publisher.publish('t', 3).catch(() => undefined)
    await untilStatus(other, 'w', { pending: 1, held: 2 })
    await publisher.close({ drain: false })
    const seen = collect(other.topic('t', { name: 'w' }))
    expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    await untilStatus(other, 'w', { acked: 3, held: 0, pausing: false })
  })

  it('is warned of once, by name', async () => {
    await start()
    await register()
    const publisher = bus()
    await publisher.publish('t', 1)
    const held = upTo(5).map(n => publisher.publish('t', n))
    await untilStatus(publisher, 'w', { held: 5 })
    expect(warnings).to.have.lengthOf(1)
    expect(warnings[0]).to.match(/subscription w is full.*no consumer/)
    await publisher.unsubscribe('w')
    await Promise.all(held)
  })

  it('comes again after the death of a host without a store, flagged for those who may have it', async () => {
    await start()
    await register()
    const [publisher, neighbour] = [bus(), bus()]
    const seen = collect(neighbour.topic('t'))
    await neighbour.ready()
    await publisher.publish('t', 1)
    const held = publisher.publish('t', 2)
    expect(flagged(await seen.first(2))).to.deep.equal([
      [1, false],
      [2, false],
    ])
    await untilStatus(neighbour, 'w', { held: 1 })
    const { port } = server
    const closing = server.close()
    await eventually(() => expect(server.clients).to.equal(0))
    await closing
    await start(port)
    await Promise.all([publisher.ready(), neighbour.ready()])
    await held
    // By then its neighbour may have come back or not: what it gets is flagged.
    await publisher.publish('t', 3)
    await eventually(() => expect(payloads(seen.values)).to.include(3))
    for (const { payload, redelivered } of seen.values.slice(2)) expect(redelivered).to.equal(payload === 2)
  })

  it('waits again after the restart of a host with a store, and no neighbour gets it twice', async () => {
    disk = new Disk()
    await start()
    await register()
    const [publisher, neighbour, other] = [bus(), bus(), bus()]
    const seen = collect(neighbour.topic('t', { name: 'neighbour' }))
    await neighbour.ready()
    await publisher.publish('t', 1)
    let resolved = 0
    const held = [2, 3].map(n => publisher.publish('t', n).then(() => (resolved += 1)))
    await seen.first(3)
    await untilStatus(other, 'w', { pending: 1, held: 2 })
    await publishAll(other, 'written', [1]) // with all that was before it
    await crash()
    await Promise.all([publisher.ready(), other.ready()])
    await untilStatus(other, 'w', { pausing: true })
    expect(resolved).to.equal(0)
    await publishAll(other, 'still', [1])
    expect(resolved).to.equal(0)
    const taken = collect(other.topic('t', rules))
    await Promise.all(held)
    expect(payloads(await taken.first(3))).to.deep.equal([1, 2, 3])
    await publisher.publish('t', 4)
    expect(payloads(await taken.first(4))).to.deep.equal(upTo(4))
    expect(payloads(await seen.first(4))).to.deep.equal(upTo(4))
    await untilStatus(other, 'w', { acked: 4, held: 0, pausing: false })
    expect(seen.values).to.have.lengthOf(4)
  })
})

describe('a publish at a follower that a full subscription of the leader holds', () => {
  let leader: HostServer
  let follower: HostServer
  let disk: Disk
  const buses: Bus[] = []
  const bus = ({ port }: HostServer): Bus => {
    const made = clientOf(port).bus
    buses.push(made)
    return made
  }
  const startLeader = async (port = 0): Promise<HostServer> =>
    startServer({ port, backbone: options => new Leader(options) })
  const register = async (): Promise<void> => {
    const first = bus(leader)
    const subscription = first.topic('t', rules).subscribe()
    await first.ready()
    subscription.unsubscribe()
    await untilStatus(first, 'w', { consumers: 0 })
  }

  beforeEach(async () => {
    leader = await startLeader()
    follower = await startServer({
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leader.port),
          credential: () => Promise.resolve({ secret }),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    await register()
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await follower.close()
    await leader.close()
  })

  it('leaves the way to the leader to all the others, however many it holds', async () => {
    const [publisher, there] = [bus(follower), bus(leader)]
    const told = collect(publisher.errors$)
    const other = collect(there.topic('other'))
    const plain = collect(there.topic('t'))
    await Promise.all([publisher.ready(), there.ready()])
    await publisher.publish('t', 0)
    const count = 10_000
    let resolved = 0
    const held = upTo(count).map(n => publisher.publish('t', n).then(() => (resolved += 1)))
    await publisher.publish('other', 'goes on')
    expect(payloads(await other.first(1))).to.deep.equal(['goes on'])
    expect(payloads(await plain.first(count + 1))).to.deep.equal([0, ...upTo(count)])
    await untilStatus(there, 'w', { pending: 1, held: count })
    expect(resolved).to.equal(0)
    expect((await told.first(1))[0]).to.be.instanceOf(SlowSubscriptionError)
    const seen = collect(there.topic('t', { name: 'w' }))
    await Promise.all(held)
    expect(payloads(await seen.first(count + 1))).to.deep.equal([0, ...upTo(count)])
    expect(told.values).to.have.lengthOf(1)
  })

  it('a full subscription of a follower holds publishers at the leader, too, and no other one', async () => {
    const [here, there] = [bus(follower), bus(leader)]
    const full = collect(here.topic('u', { ack: 'manual', prefetch: 1, maxPending: 1 }))
    const neighbour = collect(here.topic(/^(u|other)$/))
    await here.ready()
    await there.ready()
    const count = 1_500
    await publishAll(there, 'u', upTo(count))
    await neighbour.first(count)
    let published = count
    let taken = 0
    const held: Promise<unknown>[] = []
    await eventually(async () => {
      const before = taken
      published += 1
      held.push(there.publish('u', published).then(() => (taken += 1)))
      await there.ready()
      expect(taken, 'one more that is not held').to.equal(before)
    })
    await there.publish('other', 'goes on')
    await here.publish('other', 'goes on here')
    const seen = await neighbour.first(published + 2)
    expect(payloads(seen.filter(({ topic }) => topic === 'u'))).to.deep.equal(upTo(published))
    expect(payloads(full.values)).to.deep.equal([1])
    full.unsubscribe()
    await Promise.all(held)
    await there.publish('u', 'free')
  })

  it('goes to the next leader when that one dies, flagged', async () => {
    const publisher = bus(follower)
    const near = collect(publisher.topic('t'))
    await publisher.ready()
    await publisher.publish('t', 1)
    let isTaken = false
    void publisher.publish('t', 2).then(() => (isTaken = true))
    await untilStatus(publisher, 'w', { held: 1 })
    expect(isTaken).to.equal(false)
    const { port } = leader
    await leader.close()
    leader = await startLeader(port)
    const there = bus(leader)
    const seen = collect(there.topic('t', { name: 'w' }))
    await there.ready()
    const [again] = await seen.first(1)
    expect(again).to.include({ payload: 2, redelivered: true })
    await eventually(() => expect(isTaken).to.equal(true))
    expect(payloads(near.values)).to.deep.equal([1, 2])
  })

  it('waits again when a leader with a store is restarted, and no neighbour gets it twice', async () => {
    const { port } = leader
    await leader.close()
    disk = new Disk()
    const startStored = async (): Promise<() => void> => {
      const { store, die } = disk.mortal()
      leader = await startServer({ port, awaitsStore: true, backbone: options => new Leader(options) })
      leader.openStore(new HostStore({ store, warn: () => undefined }))
      return die
    }
    const die = await startStored()
    await register()
    const [publisher, there] = [bus(follower), bus(leader)]
    const seen = collect(there.topic('t', { name: 'neighbour' }))
    await Promise.all([publisher.ready(), there.ready()])
    await publisher.publish('t', 1)
    let resolved = 0
    const held = [2, 3].map(n => publisher.publish('t', n).then(() => (resolved += 1)))
    await seen.first(3)
    await untilStatus(there, 'w', { pending: 1, held: 2 })
    await there.publish('written', 1) // with all that was before it
    die()
    await leader.close()
    await startStored()
    await Promise.all([publisher.ready(), there.ready()])
    await untilStatus(there, 'w', { consumers: 0, pending: 1, held: 2 })
    const taken = collect(there.topic('t', { ...rules }))
    expect(payloads(await taken.first(3))).to.deep.equal([1, 2, 3])
    await Promise.all(held)
    await publisher.publish('t', 4)
    expect(payloads(await taken.first(4))).to.deep.equal(upTo(4))
    expect(payloads(await seen.first(4))).to.deep.equal(upTo(4))
    expect(resolved).to.equal(2)
  })
})
