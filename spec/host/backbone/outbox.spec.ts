import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { EMPTY, Subject } from 'rxjs'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { handle, type Bus, type Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { upTo } from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'
import { rejection } from '../../support/rejection.js'

/** A host's server that can die, and another one take its place with the same disk and port. */
class Mortal {
  readonly disk = new Disk()
  #server: HostServer | undefined
  #die = (): unknown => undefined
  #port = 0

  /** @param via where a follower reaches its leader. Default: there itself */
  constructor(
    readonly leader?: Mortal,
    readonly via: { readonly port: number } | undefined = leader,
  ) {}

  get server(): HostServer {
    if (this.#server === undefined) throw new Error('it is dead')
    return this.#server
  }

  get port(): number {
    return this.#port
  }

  async start(): Promise<void> {
    const { store, die } = this.disk.mortal()
    const { via } = this
    const server = await startServer({
      port: this.#port,
      awaitsStore: true,
      backbone: options =>
        via === undefined
          ? new Leader(options)
          : new Follower({
              ...options,
              leader: hostUrl(via.port),
              credential: () => Promise.resolve({ secret }),
              dial: throughProxies(),
              seat: 'the only one',
              maxPayload: 1_000_000,
            }),
    })
    server.openStore(new HostStore({ store, warn: () => undefined }))
    this.#server = server
    this.#port = server.port
    this.#die = die
  }

  /** As kill -9 does: nothing is written any more. */
  async die(): Promise<void> {
    this.#die()
    await this.#server?.close()
    this.#server = undefined
  }
}

describe('the queue for a leader, at a follower with a store', () => {
  let leader: Mortal
  let follower: Mortal
  let buses: Bus[]
  let van: string
  const bus = ({ port }: Mortal): Bus => {
    const { bus } = clientOf(port, { van })
    buses.push(bus)
    return bus
  }
  const waiting = async (at: Bus) => (await at.status()).subscriptions.find(({ name }) => name === 'work')

  beforeEach(async () => {
    van = randomUUID()
    buses = []
    leader = new Mortal()
    await leader.start()
    follower = new Mortal(leader)
    await follower.start()
    const boss = bus(leader)
    const registration = boss.topic(/^jobs/, { name: 'work' }).subscribe()
    await boss.ready()
    registration.unsubscribe()
    await boss.close()
  })
  afterEach(async () => {
    await Promise.all(buses.map(each => each.close({ drain: false })))
    await follower.die()
    await leader.die()
  })

  it('is owed after its death, in order and once, much or little of it', async () => {
    const publisher = bus(follower)
    await publisher.ready()
    await publisher.publish('jobs', 0)
    await leader.die()
    const count = 2_500
    await Promise.all(upTo(count).map(i => publisher.publish('jobs', i)))
    await follower.die()
    await follower.start()
    await publisher.publish('jobs', count + 1)
    await leader.start()
    const worker = bus(leader)
    await eventually(async () => expect(await waiting(worker)).to.include({ pending: count + 2 }))
    const got: unknown[] = []
    worker.topic(/^jobs/, { name: 'work' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.have.lengthOf(count + 2))
    expect(got).to.deep.equal([0, ...upTo(count + 1)])
  })

  it('takes no room any more once the leader has it', async () => {
    const publisher = bus(follower)
    await publisher.ready()
    await leader.die()
    for (const i of upTo(10)) await publisher.publish('jobs', i)
    const outboxes = () => [...follower.disk.store.records('logs')].map(([key]) => Number(key))
    const pieces = () => outboxes().map(log => [...follower.disk.store.scan(log, 0)].length)
    expect(pieces().filter(count => count >= 10)).to.have.lengthOf(2)
    await leader.start()
    // The van's own log stays for replay. What was published last may still be there: it is trimmed with what comes next.
    await eventually(async () => {
      await publisher.publish('jobs', 'more')
      expect(pieces().filter(count => count > 1)).to.have.lengthOf(1)
    })
  })

  it('does not go to the leader again when it went there before the death', async () => {
    const publisher = bus(follower)
    await publisher.ready()
    for (const i of upTo(20)) await publisher.publish('jobs', i)
    await follower.die()
    await follower.start()
    await publisher.publish('jobs', 21)
    const worker = bus(leader)
    await eventually(async () => expect(await waiting(worker)).to.include({ pending: 21 }))
  })

  it('does not come to the leader twice when the leader died before it could say that it has it', async () => {
    const proxy = await Proxy.to(leader.port)
    const cutOff = new Mortal(leader, proxy)
    await cutOff.start()
    try {
      const publisher = bus(cutOff)
      await publisher.ready()
      for (const i of upTo(3)) await publisher.publish('jobs', i)
      proxy.silence()
      const published = Promise.all([4, 5, 6].map(i => publisher.publish('jobs', i)))
      const before = bus(leader)
      await eventually(async () => expect(await waiting(before)).to.include({ pending: 6 }))
      await leader.die()
      proxy.cut()
      await leader.start()
      proxy.mend()
      await published
      await publisher.publish('jobs', 7)
      const got: unknown[] = []
      bus(leader)
        .topic(/^jobs/, { name: 'work' })
        .subscribe(({ payload }) => got.push(payload))
      await eventually(() => expect(got).to.include(7))
      expect(got).to.deep.equal(upTo(7))
    } finally {
      await proxy.close()
      await cutOff.die()
    }
  })

  it('comes to a consumer of the follower once when the leader died meanwhile, but for what that one works on', async () => {
    const worker = bus(follower)
    const started: string[] = []
    const first = new Subject<never>()
    worker
      .topic(/^jobs/, { name: 'work' })
      .pipe(
        handle(({ payload, redelivered }) => {
          started.push(`${String(payload)} ${redelivered}`)
          return started.length === 1 ? first : EMPTY
        }),
      )
      .subscribe()
    await worker.ready()
    const publisher = bus(leader)
    await Promise.all(upTo(5).map(i => publisher.publish('jobs', i)))
    await eventually(async () => expect(await waiting(publisher)).to.include({ inFlight: 5 }))
    await eventually(() => expect(started).to.deep.equal(['1 false']))
    await leader.die()
    await leader.start()
    await eventually(async () => expect(await waiting(publisher)).to.include({ inFlight: 5 }))
    await worker.ready()
    first.complete()
    await eventually(async () => expect(await waiting(publisher)).to.include({ inFlight: 0, pending: 0 }))
    expect(started).to.deep.equal(['1 false', '1 true', '2 true', '3 true', '4 true', '5 true'])
  })

  it('leaves a gap, with an error, in the messages of other hosts for a subscription without a name', async () => {
    const listener = bus(follower)
    const troubles: string[] = []
    listener.errors$.subscribe(({ code }) => troubles.push(code))
    const got: unknown[] = []
    listener.topic(/^news/).subscribe(({ payload }) => got.push(payload))
    await listener.ready()
    const elsewhere = bus(leader)
    await elsewhere.publish('news', 1)
    await eventually(() => expect(got).to.deep.equal([1]))
    await follower.die()
    await elsewhere.publish('news', 'missed')
    await follower.start()
    await eventually(() => expect(troubles).to.deep.equal(['MSGVAN_GAP']))
    await eventually(async () => {
      await elsewhere.publish('news', 2)
      expect(got).to.include(2)
    })
  })

  it("is in the leader's log too, and replayed from there at either host", async () => {
    const publisher = bus(follower)
    await publisher.ready()
    await publisher.publish('nobody wants this', 1)
    for (const host of [leader, follower]) {
      const got: unknown[] = []
      bus(host).topic('nobody wants this', { from: 'start' }).subscribe(({ payload }) => got.push(payload)) // prettier-ignore
      await eventually(() => expect(got).to.deep.equal([1]))
    }
  })

  it('has a replay under a name that was asked for while the leader was away, after both their deaths', async () => {
    const publisher = bus(leader)
    for (let i = 0; i < 100; i += 1) await publisher.publish('r.x', i)
    await leader.die()
    const reader = bus(follower)
    await reader.status()
    const got: unknown[] = []
    let isReady = false
    reader.topic('r.x', { from: 'start', name: 'keep' }).subscribe(({ payload }) => got.push(payload))
    const ready = reader.ready().then(() => (isReady = true))
    // Everything else goes on meanwhile.
    const own = bus(follower)
    const mine: unknown[] = []
    own.topic('own').subscribe(({ payload }) => mine.push(payload))
    await own.ready()
    await own.publish('own', 1)
    await eventually(() => expect(mine).to.deep.equal([1]))
    expect(isReady).to.equal(false)
    await follower.die()
    await follower.start()
    await leader.start()
    await eventually(() => expect(got).to.have.lengthOf(100))
    expect(got).to.deep.equal(upTo(100).map(i => i - 1))
    await ready
    await publisher.publish('r.x', 'late')
    await eventually(() => expect(got.at(-1)).to.equal('late'))
    // From now on it goes on where it was.
    await follower.die()
    await follower.start()
    await publisher.publish('r.x', 'later')
    await eventually(() => expect(got.at(-1)).to.equal('later'))
    expect(new Set(got)).to.have.lengthOf(102)
  })

  it('says that a subscription is not in force while the leader stays away', async function () {
    this.timeout(30_000)
    await leader.die()
    const reader = bus(follower)
    await reader.status()
    reader.topic('r.x', { name: 'keep' }).subscribe()
    expect(await rejection(reader.ready())).to.include({ code: 'MSGVAN_HOST_UNREACHABLE' })
    await leader.start()
    await reader.ready()
    expect((await bus(leader).status()).subscriptions.map(({ name }) => name)).to.include('keep')
  })

  it('comes again with its flag to who had it from a leader whose disk did not take it', async () => {
    const publisher = bus(follower)
    await publisher.ready()
    await leader.die()
    await publisher.publish('jobs', 1)
    leader.disk.isFull = true
    await leader.start()
    const flags: boolean[] = []
    const watcher = bus(leader)
    watcher.topic(/^jobs/).subscribe(({ redelivered }) => flags.push(redelivered))
    await eventually(() => expect(flags).to.have.lengthOf.greaterThan(1))
    leader.disk.isFull = false
    expect(flags.slice(1)).to.not.include(false)
  })

  it('is there twice at a leader whose disk does not take it only as often as a consumer holds it', async () => {
    const publisher = bus(follower)
    await publisher.ready()
    await leader.die()
    await publisher.publish('jobs', 1)
    leader.disk.isFull = true
    await leader.start()
    const reader = bus(leader)
    const held: Message[] = []
    const options = { name: 'work', prefetch: 2, ack: 'manual' } as const
    reader.topic(/^jobs/, options).subscribe(message => held.push(message))
    await eventually(() => expect(held).to.have.lengthOf(2))
    let refusals = 0
    const watcher = bus(leader)
    watcher.topic(/^jobs/).subscribe(() => (refusals += 1))
    await eventually(() => expect(refusals).to.be.greaterThan(1))
    leader.disk.isFull = false
    await reader.close({ drain: false })
    await eventually(async () => expect(await waiting(watcher)).to.include({ pending: 3, inFlight: 0 }))
  })

  it('comes from a leader to a subscription without a name though the disk of its follower failed meanwhile', async () => {
    const reader = bus(follower)
    const got: Message[] = []
    reader.topic('news', { prefetch: 1, ack: 'manual' }).subscribe(message => got.push(message))
    await reader.ready()
    follower.disk.isFull = true
    const publisher = bus(leader)
    await Promise.all(upTo(20).map(n => publisher.publish('news', n)))
    await eventually(() => expect(got).to.have.lengthOf(1))
    expect(await rejection(reader.publish('else', 1))).to.include({ code: 'MSGVAN_STORE' })
    follower.disk.isFull = false
    await eventually(() => {
      got.at(-1)?.ack()
      expect(new Set(got.map(({ payload }) => payload))).to.have.lengthOf(20)
    })
  })

  it('says that a subscription is not kept while the disk of the leader takes nothing, and ends nothing by that', async () => {
    const reader = bus(follower)
    await reader.ready()
    leader.disk.isFull = true
    reader.topic('r.x', { name: 'keep' }).subscribe()
    expect(await rejection(reader.ready())).to.include({ code: 'MSGVAN_STORE' })
    leader.disk.isFull = false
    await eventually(() => reader.ready())
  })

  for (const [trouble, turn] of [
    ['that fails', (disk: Disk, isOn: boolean) => (disk.isFull = isOn)],
    ['that has no room', (disk: Disk, isOn: boolean) => (disk.hasNoRoom = isOn)],
  ] as const)
    it(`is kept while a leader that is back has a disk ${trouble}, and all of it comes once there is room`, async () => {
      const publisher = bus(follower)
      await publisher.ready()
      await leader.die()
      const count = 50
      await Promise.all(upTo(count).map(i => publisher.publish('jobs', i)))
      turn(leader.disk, true)
      await leader.start()
      // It is told at once, since it waits for the leader itself: so it is known that the leader refuses.
      await eventually(async () => {
        const error = await rejection(publisher.publish('elsewhere', 0))
        expect(error)
          .to.have.property('code')
          .that.matches(/^MSGVAN_STORE/)
      })
      turn(leader.disk, false)
      const got: { readonly payload: unknown; readonly redelivered: boolean }[] = []
      bus(leader)
        .topic(/^jobs/, { name: 'work' })
        .subscribe(({ payload, redelivered }) => got.push({ payload, redelivered }))
      await eventually(() => expect(new Set(got.map(({ payload }) => payload))).to.have.lengthOf(count))
      const firsts = got.filter(({ payload }, at) => got.findIndex(each => each.payload === payload) === at)
      expect(firsts.map(({ payload }) => payload)).to.deep.equal(upTo(count))
      for (const again of got.filter(each => !firsts.includes(each))) expect(again.redelivered).to.equal(true)
    })
})
