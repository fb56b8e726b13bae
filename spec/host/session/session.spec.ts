import { expect } from 'chai'
import { filter, firstValueFrom, NEVER } from 'rxjs'
import type { HostServer } from '../../../src/host/listen/server.js'
import {
  ClosedError,
  handle,
  OutboxFullError,
  type Bus,
  type BusState,
  type Message,
} from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, rejection, untilStatus, upTo } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

const reached = (bus: Bus, state: BusState) => firstValueFrom(bus.state$.pipe(filter(each => each === state)))
/** Resolves when the host has read all that this client sent before, such as what it has begun. */
const heard = (bus: Bus) => bus.publish('heard')
const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

describe('a session', () => {
  let server: HostServer
  let proxy: Proxy
  const buses: Bus[] = []
  const bus = (port: number, options: Parameters<typeof clientOf>[1] = {}): Bus => {
    const made = clientOf(port, options).bus
    buses.push(made)
    return made
  }

  beforeEach(async () => {
    server = await startServer()
    proxy = await Proxy.to(server.port)
  })

  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  it('outlives a cut: published in both directions meanwhile, all arrives once, in order, on the same open Observable', async () => {
    const far = bus(proxy.port)
    const near = bus(server.port)
    const atFar = collect(far.topic<number>('to far'))
    const atNear = collect(near.topic<number>('to near'))
    await Promise.all([far.ready(), near.ready()])
    const states = collect(far.state$)
    const publishes: Promise<void>[] = []
    let n = 0
    const publishBoth = (): void => {
      n++
      publishes.push(far.publish('to near', n), near.publish('to far', n))
    }
    const flow = setInterval(publishBoth, 1)
    await pause(30)
    // Three times: in the middle of whatever is on its way.
    for (let cuts = 0; cuts < 3; cuts++) {
      proxy.cut()
      await pause(300)
      proxy.mend()
      await reached(far, 'connected')
      await pause(30)
    }
    clearInterval(flow)
    await Promise.all(publishes)
    expect(payloads(await atFar.first(n))).to.deep.equal(upTo(n))
    expect(payloads(await atNear.first(n))).to.deep.equal(upTo(n))
    expect(atFar.values.length + atNear.values.length).to.equal(2 * n)
    expect(states.values.join(' ')).to.equal('connected' + ' reconnecting connected'.repeat(3))
    await untilStatus(near, 'to far', { acked: n, redelivered: 0, failed: 0 })
  })

  it('keeps through a cut a message that waits for its next attempt', async () => {
    const far = bus(proxy.port)
    const near = bus(server.port)
    const seen = collect(far.topic('t', { name: 'w', ack: 'manual' }))
    await far.ready()
    await publishAll(near, 't', [1, 2])
    const [first, second] = await seen.first(2)
    first?.nack({ delay: 60_000 })
    second?.nack({ delay: 500 })
    await untilStatus(near, 'w', { failed: 2 })
    proxy.cut()
    await reached(far, 'reconnecting')
    proxy.mend()
    await reached(far, 'connected')
    const again = (await seen.first(3))[2]
    expect(again).to.include({ payload: 2, attempt: 2, redelivered: true })
    expect(again?.ack()).to.equal(true)
    await untilStatus(near, 'w', { acked: 1, pending: 1, inFlight: 0 })
  })

  it('survives cuts at any moment of heavy traffic', async function () {
    const far = bus(proxy.port)
    const seen = collect(far.topic<number>('t'))
    await far.ready()
    const total = 20_000
    const publishes: Promise<void>[] = []
    const cuts = setInterval(() => {
      proxy.cut()
      proxy.mend()
    }, 30)
    for (let n = 1; n <= total; n += 200) {
      for (let i = n; i < n + 200; i++) publishes.push(far.publish('t', i))
      await pause(1)
    }
    await pause(200)
    clearInterval(cuts)
    await Promise.all(publishes)
    expect(payloads(await seen.first(total))).to.deep.equal(upTo(total))
    expect(seen.values).to.have.lengthOf(total)
    expect(proxy.connections).to.be.greaterThan(2)
  })

  it('lets publishes of a disconnected bus wait in order, up to its bound', async () => {
    const far = bus(proxy.port, { outbox: { maxMessages: 10 } })
    const seen = collect(far.topic<number>('t'))
    await far.ready()
    proxy.cut()
    await reached(far, 'reconnecting')
    const waiting = upTo(10).map(n => far.publish('t', n))
    expect(await rejection(far.publish('t', 11))).to.be.instanceOf(OutboxFullError)
    proxy.mend()
    await Promise.all(waiting)
    expect(payloads(await seen.first(10))).to.deep.equal(upTo(10))
    await far.publish('t', 12)
  })

  it('is replaced after a stop of the host: state$ is true, subscriptions come back, once each', async () => {
    const { port } = server
    const far = bus(port)
    const states = collect(far.state$)
    const seen = collect(far.topic<number>('t'))
    const named = collect(far.topic<number>('u', { name: 'w' }))
    const problems = collect(far.errors$)
    await far.ready()
    await far.publish('t', 1)
    await server.close()
    await reached(far, 'reconnecting')
    const waiting = [far.publish('t', 2), far.publish('u', 3)]
    server = await startServer({ port })
    await Promise.all(waiting)
    await far.ready()
    expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
    expect(payloads(await named.first(1))).to.deep.equal([3])
    const { subscriptions } = await far.status()
    expect(subscriptions.map(({ pattern, consumers }) => [pattern, consumers])).to.deep.equal([
      ['t', 1],
      ['u', 1],
    ])
    expect(states.values).to.deep.equal(['connecting', 'connected', 'reconnecting', 'connected'])
    expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_GAP'])
  })

  it('takes its open deliveries along when it is lost: verdicts on them return false', async () => {
    const { port } = server
    const far = bus(port)
    const seen = collect(far.topic<number>('t', { ack: 'manual' }))
    await far.ready()
    await far.publish('t', 1)
    const [message] = await seen.first(1)
    await server.close()
    server = await startServer({ port })
    await far.ready()
    expect(message?.ack()).to.equal(false)
  })

  it('makes no duplicates of messages that its host had accepted when it expires', async () => {
    await server.close()
    server = await startServer({ sessionTtl: 20 })
    const behind = await Proxy.to(server.port)
    const far = bus(behind.port)
    const near = bus(server.port)
    const seen = collect(near.topic<number>('t'))
    await Promise.all([far.ready(), near.ready()])
    await far.publish('t', 1)
    behind.silence()
    const second = far.publish('t', 2)
    await seen.first(2) // accepted, and its publisher does not learn of it
    behind.cut()
    await eventually(() => expect(server.clients).to.equal(1))
    behind.mend()
    await second
    await far.publish('t', 3)
    expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    await behind.close()
  })

  it('ends with close(), at once, and gives back what was not handed out', async () => {
    const far = bus(server.port)
    const near = bus(server.port)
    const first = far.topic<number>('t', { name: 'w', ack: 'manual', prefetch: 10 }).subscribe()
    await far.ready()
    await near.ready()
    await Promise.all(upTo(20).map(n => near.publish('t', n)))
    await untilStatus(near, 'w', { inFlight: 10 })
    await far.close({ drain: false })
    expect(server.clients).to.equal(1)
    await untilStatus(near, 'w', { inFlight: 0, pending: 20, failed: 0 })
    first.unsubscribe()
    expect(await rejection(far.publish('t', 1))).to.be.instanceOf(ClosedError)
  })

  it('fails the messages in hand of a dead process, once, and gives back the rest', async () => {
    await server.close()
    server = await startServer({ sessionTtl: 10 })
    const behind = await Proxy.to(server.port)
    const far = bus(behind.port)
    const near = bus(server.port)
    const held = collect(far.topic<number>('t', { name: 'w', ack: 'manual', prefetch: 3, delay: 100_000 }))
    await Promise.all([far.ready(), near.ready()])
    await Promise.all(upTo(5).map(n => near.publish('t', n)))
    await held.first(3)
    await untilStatus(near, 'w', { inFlight: 3, pending: 2 })
    await heard(far)
    behind.cut()
    await untilStatus(near, 'w', { inFlight: 0, pending: 5, failed: 3 })
    await behind.close()
  })

  for (const side of ['hosts', 'clients'] as const) {
    it(`outlives a link on which the ${side} do not arrive: both ends give it up`, async () => {
      await server.close()
      server = await startServer({ heartbeat: 200 })
      const behind = await Proxy.to(server.port)
      const far = bus(behind.port)
      const near = bus(server.port)
      const seen = collect(far.topic<number>('t'))
      await Promise.all([far.ready(), near.ready()])
      const states = collect(far.state$)
      behind.silence(side)
      await near.publish('t', 1)
      // Not half a minute later, when WebSockets stop waiting for each other's goodbye.
      await eventually(() => expect(behind.silenced).to.equal(0))
      await reached(far, 'connected')
      await near.publish('t', 2)
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
      expect(states.values).to.include('reconnecting')
      await behind.close()
    })
  }

  it('fails the messages that `handle` of a dead process worked on, and none that waited there for its turn', async () => {
    await server.close()
    server = await startServer({ sessionTtl: 10 })
    const behind = await Proxy.to(server.port)
    const far = bus(behind.port)
    const near = bus(server.port)
    const begun: unknown[] = []
    const work = (message: Message) => {
      begun.push(message.payload)
      return NEVER
    }
    far
      .topic('t', { name: 'w', delay: 100_000 })
      .pipe(handle(work, { concurrency: 2 }))
      .subscribe()
    await Promise.all([far.ready(), near.ready()])
    await Promise.all(upTo(5).map(n => near.publish('t', n)))
    await eventually(() => expect(begun).to.deep.equal([1, 2]))
    await untilStatus(near, 'w', { inFlight: 5 })
    await heard(far)
    behind.cut()
    await untilStatus(near, 'w', { inFlight: 0, pending: 5, failed: 2 })
    await behind.close()
  })

  it('fails only the message in hand of a dead process with automatic settlement', async () => {
    await server.close()
    server = await startServer({ sessionTtl: 10 })
    const behind = await Proxy.to(server.port)
    const far = bus(behind.port)
    const near = bus(server.port)
    far.topic<number>('t', { name: 'w', delay: 100_000 }).subscribe(() => behind.cut())
    await Promise.all([far.ready(), near.ready()])
    await Promise.all(upTo(5).map(n => near.publish('t', n)))
    await untilStatus(near, 'w', { inFlight: 0, pending: 5, failed: 1 })
    await behind.close()
  })
})
