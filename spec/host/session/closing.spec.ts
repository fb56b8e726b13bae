import { expect } from 'chai'
import { filter, firstValueFrom, Subject } from 'rxjs'
import type { HostServer } from '../../../src/host/listen/server.js'
import { ClosedError, handle, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, rejection, reports, untilStatus } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

describe('a bus that closes before it is connected', () => {
  let server: HostServer
  let located: number

  beforeEach(async () => {
    located = 0
    server = await startServer()
  })

  afterEach(() => server.close())

  const young = (): Bus =>
    clientOf(server.port, {
      locate: () => {
        located += 1
        return Promise.resolve(`http://127.0.0.1:${server.port}`)
      },
    }).bus

  it('connects if something waits, and is done as soon as that is', async () => {
    const near = clientOf(server.port).bus
    const seen = collect(near.topic('t'))
    await near.ready()
    const bus = young()
    const problems = reports(bus)
    const published = bus.publish('t', 1)
    await bus.close({ timeout: 60_000 })
    await published
    expect(payloads(seen.values)).to.deep.equal([1])
    expect(problems.values).to.deep.equal([])
    await near.close()
  })

  it('connects for a request alone that outlasts it', async () => {
    const bus = young()
    const removed = bus.unsubscribe('nobody')
    await bus.close({ timeout: 60_000 })
    expect(await removed).to.equal(false)
  })

  it('does not connect when nothing waits that outlasts it', async () => {
    const bus = young()
    bus.topic('t').subscribe()
    const ready = rejection(bus.ready())
    await bus.close({ timeout: 60_000 })
    expect(await ready).to.be.instanceOf(ClosedError)
    expect(located).to.equal(0)
  })

  it('does not connect with drain: false', async () => {
    const bus = young()
    const published = rejection(bus.publish('t'))
    await bus.close({ drain: false })
    expect(await published).to.be.instanceOf(ClosedError)
    expect(located).to.equal(0)
  })

  it('names the unfinished work if no host is running', async () => {
    await server.close()
    const bus = young()
    const problems = reports(bus)
    const left = [bus.publish('t'), bus.unsubscribe('w'), bus.deadLetters().purge()].map(rejection)
    await bus.close({ timeout: 10 })
    for (const error of await Promise.all(left)) expect(error).to.be.instanceOf(ClosedError)
    expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_DRAIN_TIMEOUT', 'MSGVAN_CLOSED'])
    expect(problems.values[0]?.message).to.contain('1 publishes not accepted, 2 requests not answered')
    expect(located).to.be.greaterThan(0)
  })
})

describe('a bus that closes while its host does not answer', () => {
  let server: HostServer
  let proxy: Proxy
  let bus: Bus

  beforeEach(async () => {
    server = await startServer()
    proxy = await Proxy.to(server.port)
    bus = clientOf(proxy.port).bus
    await bus.ready()
  })
  afterEach(async () => {
    await proxy.close()
    await server.close()
  })

  const cut = async (): Promise<void> => {
    proxy.cut()
    await firstValueFrom(bus.state$.pipe(filter(state => state === 'reconnecting')))
  }

  it('does not wait for what it only asks', async () => {
    await cut()
    const asked = [bus.status(), bus.ready(), bus.deadLetters().list()].map(rejection)
    await bus.close({ timeout: 60_000 })
    for (const error of await Promise.all(asked)) expect(error).to.be.instanceOf(ClosedError)
  })

  it('ends what it only asks at once, whatever else it waits for', async () => {
    await cut()
    const asked = rejection(bus.status())
    const published = bus.publish('t')
    const closed = bus.close({ timeout: 60_000 })
    expect(await asked).to.be.instanceOf(ClosedError)
    proxy.mend()
    await Promise.all([published, closed])
  })

  it('does not wait until the host hears of an unsubscribe, cut off or silent', async () => {
    const topic = bus.topic('t').subscribe()
    await bus.ready()
    await cut()
    topic.unsubscribe()
    await bus.close({ timeout: 60_000 })
    bus = clientOf(proxy.port).bus
    proxy.mend()
    const other = bus.topic('t').subscribe()
    await bus.ready()
    proxy.silence()
    other.unsubscribe()
    await bus.close({ timeout: 60_000 })
  })

  it('waits until the host has its verdicts', async () => {
    const near = clientOf(server.port).bus
    const problems = reports(bus)
    const got = collect(bus.topic('t', { name: 'work', ack: 'manual' }))
    await Promise.all([bus.ready(), near.ready()])
    await near.publish('t', 1)
    await got.first(1)
    await cut()
    got.values[0]?.ack()
    const closed = bus.close({ timeout: 60_000 })
    proxy.mend()
    await closed
    await untilStatus(near, 'work', { acked: 1, failed: 0, inFlight: 0, pending: 0 })
    expect(problems.values).to.deep.equal([])
    await near.close()
  })
})

describe('a bus that drains, and whose messages the host gives to others meanwhile', () => {
  it('goes on until its handlers are done, and takes what they publish', async () => {
    const server = await startServer({ sessionTtl: 20 })
    const proxy = await Proxy.to(server.port)
    const [far, near] = [clientOf(proxy.port).bus, clientOf(server.port).bus]
    const work = new Subject<void>()
    let begun = 0
    const results = collect(near.topic('out'))
    far
      .topic<number>('in', { name: 'w', delay: 0 })
      .pipe(
        handle(
          async ({ payload }) => {
            begun += 1
            await firstValueFrom(work)
            await far.publish('out', payload)
          },
          { concurrency: 2 },
        ),
      )
      .subscribe()
    await Promise.all([far.ready(), near.ready()])
    await publishAll(near, 'in', [1, 2, 3])
    await eventually(() => expect(begun).to.equal(2))
    const others = collect(near.topic('in', { name: 'w', delay: 0 }))
    await near.ready()
    let isClosed = false
    const problems = reports(far)
    const closing = far.close({ timeout: 60_000 }).then(() => (isClosed = true))
    proxy.cut()
    await eventually(() => expect(server.clients).to.equal(1))
    proxy.mend()
    expect(payloads(await others.first(3))).to.have.members([1, 2, 3])
    await eventually(() => expect(server.clients).to.equal(2))
    await far.publish('out', 0)
    expect(isClosed).to.equal(false)
    work.next()
    await closing
    expect(payloads(await results.first(3))).to.have.members([0, 1, 2])
    expect(begun).to.equal(2)
    const codes = problems.values.map(({ code }) => code)
    expect(codes).to.not.include('MSGVAN_CLOSED').and.not.include('MSGVAN_DRAIN_TIMEOUT')
    await near.close()
    await server.close()
    await proxy.close()
  })
})
