import { expect } from 'chai'
import { map, Observable, of, Subject } from 'rxjs'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import {
  handle,
  OverflowError,
  TakenAwayError,
  type Bus,
  type Message,
  type MsgvanError,
} from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  untilStatus,
  upTo,
} from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'

describe('messages under way when a session was lost', () => {
  let server: HostServer
  let proxy: Proxy
  let far: Bus
  let near: Bus

  beforeEach(async () => {
    server = await startServer({ sessionTtl: 20, backbone: options => new Leader(options) })
    proxy = await Proxy.to(server.port)
    far = clientOf(proxy.port).bus
    near = clientOf(server.port).bus
    await Promise.all([far.ready(), near.ready()])
  })

  afterEach(async () => {
    await Promise.all([far, near].map(each => each.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  /** The session of `far` is lost; it begins a new one. */
  async function loseSession(): Promise<void> {
    proxy.cut()
    await eventually(() => expect(server.clients).to.equal(1))
    proxy.mend()
  }

  it('are taken away: their signals abort, and handle unsubscribes its work and begins anew', async () => {
    const work: string[] = []
    const seen = collect(far.topic('t', { name: 'w', ack: 'manual' }))
    far
      .topic('h', { name: 'h', ordered: true })
      .pipe(
        handle(
          ({ attempt, signal }) =>
            new Observable(() => {
              work.push(`begun ${attempt}`)
              return () => work.push(`ended ${String(signal.aborted)}`)
            }),
        ),
      )
      .subscribe()
    await far.ready()
    await near.publish('t', 1)
    await near.publish('h', 1)
    const [message] = await seen.first(1)
    await untilStatus(near, 'h', { inFlight: 1 })
    expect(message?.signal.aborted).to.equal(false)
    await loseSession()
    await far.ready()
    expect(message?.signal.reason).to.be.instanceOf(TakenAwayError)
    expect(message?.ack()).to.equal(false)
    await eventually(() => expect(work).to.deep.equal(['begun 1', 'ended true', 'begun 2']))
    const [, again] = await seen.first(2)
    expect(again?.signal.aborted).to.equal(false)
    again?.ack()
  })

  it('a dead letter that is replayed comes, also if its consumer had settled it when the session was lost', async () => {
    const seen = collect(far.topic('t', { name: 'w', ack: 'manual', attempts: 1 }))
    await far.ready()
    await near.publish('t', 1)
    const [message] = await seen.first(1)
    await far.ready() // by now the host knows that it was handed out
    proxy.silence('clients')
    message?.ack()
    await loseSession()
    await far.ready()
    await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(1))
    expect(await near.deadLetters().replay()).to.equal(1)
    await eventually(() => expect(payloads(seen.values)).to.deep.equal([1, 1]))
    seen.values[1]?.ack()
  })

  it('a dead letter that is replayed comes, behind a thousand others that wait', async () => {
    const seen = collect(far.topic<number>('t', { name: 'w', ack: 'manual', attempts: 1, prefetch: 1 }))
    await far.ready()
    await near.publish('t', 1)
    const [message] = await seen.first(1)
    await far.ready()
    proxy.silence('clients')
    message?.ack()
    await loseSession()
    await far.ready()
    await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(1))
    const others = upTo(1_100).map(n => n + 1)
    await Promise.all(others.map(n => near.publish('t', n)))
    expect(await near.deadLetters().replay()).to.equal(1)
    for (let at = 1; at <= others.length; at += 1) (await seen.first(at + 1))[at]?.ack()
    await eventually(() => expect(payloads(seen.values)).to.deep.equal([1, ...others, 1]))
    seen.values.at(-1)?.ack()
  })

  for (const verb of ['replay', 'purge'] as const) {
    const fail = async (): Promise<void> => {
      let isFailing = true
      near.topic('t', { name: 'w', attempts: 1 }).subscribe(message => {
        if (isFailing) message.reject('no')
      })
      await near.ready()
      await publishAll(near, 't', [1, 2, 3])
      await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(3))
      isFailing = false
    }

    it(`a ${verb} whose answer was lost with the session has it in the next one`, async () => {
      await fail()
      proxy.silence()
      const answer = far.deadLetters()[verb]()
      await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(0))
      await loseSession()
      expect(await answer).to.equal(3)
    })

    it(`a ${verb} from a time without a connection is done in the next session`, async () => {
      await fail()
      proxy.cut()
      await eventually(() => expect(server.clients).to.equal(1))
      const done = far.deadLetters()[verb]()
      proxy.mend()
      expect(await done).to.equal(3)
    })
  }

  it('a dead letter that is replayed comes through a follower, too', async () => {
    const { host: leading } = await near.status()
    const follower = await startServer({
      sessionTtl: 20,
      hostStatus: () => ({ ...leading, id: 'follower' }),
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(server.port),
          credential: () => Promise.resolve({ secret }),
          dial: throughProxies(),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    const way = await Proxy.to(follower.port)
    const worker = clientOf(way.port).bus
    const seen = collect(worker.topic('t', { name: 'w', ack: 'manual', attempts: 1 }))
    await worker.ready()
    await near.publish('t', 1)
    const [message] = await seen.first(1)
    await worker.ready()
    way.silence('clients')
    message?.ack()
    way.cut()
    await eventually(() => expect(follower.clients).to.equal(0))
    way.mend()
    await worker.ready()
    await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(1))
    expect(await near.deadLetters().replay()).to.equal(1)
    await eventually(() => expect(payloads(seen.values)).to.deep.equal([1, 1]))
    seen.values[1]?.ack()
    await worker.close()
    await way.close()
    await follower.close()
  })

  it('a publish that was refused, and its publisher not told, is refused when it comes again', async () => {
    const rules = { name: 'w', ack: 'manual', prefetch: 1, maxPending: 1, overflow: 'error' } as const
    const held = collect(near.topic('t', rules))
    await near.ready()
    await near.publish('t', 1)
    await near.publish('t', 2)
    await held.first(1)
    proxy.silence()
    const after = collect(near.topic('after'))
    await near.ready()
    const refused = rejection(far.publish('t', 3))
    const taken = far.publish('after')
    await after.first(1) // by now the host has looked at both
    await loseSession()
    expect(await refused).to.be.instanceOf(OverflowError)
    await taken
  })

  it('a publish that could not be kept, and its publisher not told, is refused when it comes again', async () => {
    const disk = new Disk()
    const warnings: string[] = []
    const kept = await startServer({ sessionTtl: 20 })
    kept.openStore(new HostStore({ store: disk.mortal().store, warn: text => warnings.push(text) }))
    const way = await Proxy.to(kept.port)
    const publisher = clientOf(way.port).bus
    await publisher.publish('t', 1)
    way.silence()
    disk.isFull = true
    const refused = rejection(publisher.publish('t', 2))
    await eventually(() => expect(warnings).to.have.lengthOf(1))
    way.cut()
    await eventually(() => expect(kept.clients).to.equal(0))
    disk.isFull = false
    way.mend()
    expect(await refused).to.include({ code: 'MSGVAN_STORE' })
    await publisher.publish('t', 3)
    await publisher.close()
    await way.close()
    await kept.close()
  })

  it('a publish that was refused, and its publisher not told, is refused by the next host with that store', async () => {
    const disk = new Disk()
    const open = async (port = 0) => {
      const { store, die } = disk.mortal()
      const kept = await startServer({ port })
      kept.openStore(new HostStore({ store, warn: () => undefined }))
      return { kept, die }
    }
    const first = await open()
    const { port } = first.kept
    const way = await Proxy.to(port)
    const publisher = clientOf(way.port).bus
    const other = clientOf(port).bus
    await publisher.ready()
    const rules = { name: 'w', ack: 'manual', prefetch: 1, maxPending: 1, overflow: 'error' } as const
    const held = collect(other.topic('t', rules))
    const after = collect(other.topic('after'))
    await other.ready()
    await other.publish('t', 1)
    await other.publish('t', 2)
    await held.first(1)
    way.silence()
    const refused = rejection(publisher.publish('t', 3))
    const taken = publisher.publish('after')
    await after.first(1)
    await other.publish('after') // by now all of it is on the disk
    first.die()
    way.cut()
    await first.kept.close()
    const second = await open(port)
    way.mend()
    expect(await refused).to.be.instanceOf(OverflowError)
    await taken
    await Promise.all([publisher, other].map(each => each.close({ drain: false })))
    await way.close()
    await second.kept.close()
  })

  it('a publish that could not be written is not taken for written when the next one is, and its host dies then', async () => {
    const disk = new Disk()
    const open = async (port = 0) => {
      const { store, die } = disk.mortal()
      const kept = await startServer({ port })
      kept.openStore(new HostStore({ store, warn: () => undefined }))
      return { kept, die }
    }
    const first = await open()
    const { port } = first.kept
    const way = await Proxy.to(port)
    const publisher = clientOf(way.port).bus
    const other = clientOf(port).bus
    await register(other, 'w', 't')
    const seen = collect(other.topic('t'))
    await Promise.all([publisher, other].map(each => each.ready()))
    let written = (): void => undefined
    const isWritten = new Promise<void>(resolve => (written = resolve))
    const failing = disk.failNext(() => {
      first.die()
      written()
    })
    way.silence('hosts')
    const sent = [publisher.publish('t', 1)]
    await failing.begun
    sent.push(publisher.publish('t', 2))
    // Its write waits for the one that fails.
    await seen.first(2)
    failing.fail()
    await isWritten
    way.cut()
    await first.kept.close()
    const second = await open(port)
    way.mend()
    const outcomes = await Promise.allSettled(sent)
    expect(outcomes).to.have.nested.property('[0].reason.code', 'MSGVAN_STORE')
    expect(outcomes).to.have.nested.property('[1].status', 'fulfilled')
    await untilStatus(other, 'w', { pending: 1 })
    await Promise.all([publisher, other].map(each => each.close({ drain: false })))
    await way.close()
    await second.kept.close()
  })

  it('a publish whose write fails is refused also where its publisher sent it again meanwhile, and the next write succeeds', async () => {
    const disk = new Disk()
    const kept = await startServer({ sessionTtl: 20 })
    kept.openStore(new HostStore({ store: disk.store, warn: () => undefined }))
    const way = await Proxy.to(kept.port)
    const publisher = clientOf(way.port).bus
    const other = clientOf(kept.port).bus
    await register(other, 'w', 't')
    const seen = collect(other.topic('t'))
    await Promise.all([publisher, other].map(each => each.ready()))
    const failing = disk.failNext(() => undefined)
    const outcome = publisher.publish('t', 1).then(
      () => 'taken',
      (error: unknown) => (error as MsgvanError).code,
    )
    await failing.begun
    const before = kept.clients
    way.cut()
    await eventually(() => expect(kept.clients).to.equal(before - 1))
    way.mend()
    // Its new session sends the message again, with another one behind it.
    const second = publisher.publish('t', 2)
    await seen.first(2)
    failing.fail()
    await second
    expect(await outcome).to.equal('MSGVAN_STORE')
    await untilStatus(other, 'w', { pending: 1 })
    await Promise.all([publisher, other].map(each => each.close({ drain: false })))
    await way.close()
    await kept.close()
  })

  it('a publish that the previous host stored is not refused when it comes again and the next write fails', async () => {
    const disk = new Disk()
    const open = async (port = 0) => {
      const { store, die } = disk.mortal()
      const kept = await startServer({ port })
      kept.openStore(new HostStore({ store, warn: () => undefined }))
      return { kept, die }
    }
    const first = await open()
    const { port } = first.kept
    const way = await Proxy.to(port)
    const publisher = clientOf(way.port).bus
    const other = clientOf(port).bus
    await register(other, 'w', 't')
    await publisher.ready()
    way.silence('hosts')
    const stored = publisher.publish('t', 1)
    await untilStatus(other, 'w', { pending: 1 })
    await other.publish('else') // by now all of it is on the disk
    first.die()
    way.cut()
    await first.kept.close()
    const refused = rejection(publisher.publish('t', 2))
    disk.isFull = true
    const second = await open(port)
    way.mend()
    await stored
    expect(await refused).to.include({ code: 'MSGVAN_STORE' })
    disk.isFull = false
    await untilStatus(other, 'w', { pending: 1 })
    await Promise.all([publisher, other].map(each => each.close({ drain: false })))
    await way.close()
    await second.kept.close()
  })

  it('a publish that a host with a store handed out, and did not write down before its death, comes again with its flag', async () => {
    const disk = new Disk()
    const open = async (port = 0) => {
      const { store, die } = disk.mortal()
      const kept = await startServer({ port, sessionTtl: 20 })
      kept.openStore(new HostStore({ store, warn: () => undefined }))
      return { kept, die }
    }
    const watch = async (port: number) => {
      const { bus } = clientOf(port)
      const flags: boolean[] = []
      bus.topic('t').subscribe(({ redelivered }) => flags.push(redelivered))
      await bus.ready()
      return { bus, flags }
    }
    const first = await open()
    const { port } = first.kept
    const way = await Proxy.to(port)
    const publisher = clientOf(way.port).bus
    const one = await watch(port)
    await publisher.ready()
    // From here on nothing is written.
    first.die()
    way.silence()
    const sent = [publisher.publish('t'), publisher.publish('t')]
    await eventually(() => expect(one.flags).to.deep.equal([false, false]))
    await one.bus.close({ drain: false })
    way.cut()
    await first.kept.close()
    const second = await open(port)
    const other = await watch(port)
    way.mend()
    await Promise.all(sent)
    await publisher.publish('t')
    await eventually(() => expect(other.flags).to.deep.equal([true, true, false]))
    await Promise.all([publisher, other.bus].map(each => each.close({ drain: false })))
    await way.close()
    await second.kept.close()
  })

  it('a publish that is held back still is when it comes again', async () => {
    const rules = { name: 'w', ack: 'manual', prefetch: 1, maxPending: 1 } as const
    const seen = collect(near.topic<number>('t', rules))
    await near.ready()
    await near.publish('t', 1)
    await near.publish('t', 2)
    const [first] = await seen.first(1)
    let isTaken = false
    const held = far.publish('t', 3).then(() => (isTaken = true))
    await far.ready()
    await loseSession()
    await far.ready()
    expect(isTaken).to.equal(false)
    first?.ack()
    await held
    ;(await seen.first(2))[1]?.ack()
    expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
  })

  it('a consumer that left a name before it was in force leaves it in the new session, too', async () => {
    proxy.silence()
    const subscription = far.topic('t', { name: 'w' }).subscribe()
    await untilStatus(near, 'w', { consumers: 1 })
    subscription.unsubscribe()
    await untilStatus(near, 'w', { consumers: 0 })
    await loseSession()
    await far.ready()
    await untilStatus(near, 'w', { consumers: 0 })
  })

  it('thousands that waited inside handle come again, and its places are free for them', async () => {
    await register(near, 'w', 't')
    await publishAll(near, 't', upTo(10_000))
    let isHeld = true
    const held = new Subject<number>()
    const started = new Set<number>()
    const work = ({ payload }: Message<number>) => {
      started.add(payload)
      return isHeld ? held.pipe(map(() => payload)) : of(payload)
    }
    const seen = collect(far.topic<number>('t', { name: 'w' }).pipe(handle(work, { concurrency: 1 })))
    await untilStatus(near, 'w', { inFlight: 4_096 })
    await eventually(() => expect(started.size).to.equal(1))
    await loseSession()
    await far.ready()
    await untilStatus(near, 'w', { inFlight: 4_096, acked: 0 })
    isHeld = false
    // The work of the lost session is over; this is the next one's.
    held.next(0)
    held.complete()
    await untilStatus(near, 'w', { acked: 10_000, inFlight: 0, pending: 0 })
    expect(new Set(seen.values).size).to.equal(10_000)
  })
})

describe('verdicts of a session that was lost', () => {
  let disk: Disk
  let host: { kept: HostServer; die: () => void }
  let way: Proxy
  let worker: Bus
  let near: Bus

  async function open(port = 0): Promise<typeof host> {
    const { store, die } = disk.mortal()
    const kept = await startServer({ port, sessionTtl: 20 })
    kept.openStore(new HostStore({ store, warn: () => undefined }))
    return { kept, die }
  }

  beforeEach(async () => {
    disk = new Disk()
    host = await open()
    way = await Proxy.to(host.kept.port)
    worker = clientOf(way.port).bus
    near = clientOf(host.kept.port).bus
  })

  afterEach(async () => {
    await Promise.all([worker, near].map(each => each.close({ drain: false })))
    await way.close()
    await host.kept.close()
  })

  /** Settles three messages of `w`, and no host has heard of it yet. */
  async function settleUnheard(): Promise<Message[]> {
    const seen = collect(worker.topic('t', { name: 'w', ack: 'manual' }))
    await worker.ready()
    await publishAll(near, 't', [1, 2, 3])
    const messages = await seen.first(3)
    await worker.ready()
    way.silence('clients')
    for (const message of messages) message.ack()
    return seen.values
  }

  const ways: Record<string, () => Promise<void>> = {
    'when its host has lost the session': async () => {
      way.cut()
      await eventually(() => expect(host.kept.clients).to.equal(1))
    },
    'when its host has died': async () => {
      const { port } = host.kept
      host.die()
      way.cut()
      await host.kept.close()
      host = await open(port)
    },
  }

  for (const [when, lose] of Object.entries(ways)) {
    it(`count for the name that they were given under, ${when}`, async () => {
      const seen = await settleUnheard()
      await lose()
      way.mend()
      await untilStatus(near, 'w', { acked: 3, pending: 0, inFlight: 0 })
      await publishAll(near, 't', [4])
      await eventually(() => expect(payloads(seen)).to.deep.equal([1, 2, 3, 4]))
    })

    it(`count for no other that has the name by then, ${when}`, async () => {
      const seen = await settleUnheard()
      await lose()
      expect(await near.unsubscribe('w')).to.equal(true)
      const first = near.topic('t', { name: 'w', from: 'start', ack: 'manual', prefetch: 1 }).subscribe()
      await near.ready()
      first.unsubscribe()
      await untilStatus(near, 'w', { pending: 3, consumers: 0 })
      way.mend()
      await eventually(() => expect(payloads(seen)).to.deep.equal([1, 2, 3, 1, 2, 3]))
      for (const message of seen.slice(3)) expect(message.ack()).to.equal(true)
      await untilStatus(near, 'w', { acked: 3, pending: 0, inFlight: 0 })
    })
  }
})
