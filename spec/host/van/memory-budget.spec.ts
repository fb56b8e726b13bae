import { expect } from 'chai'
import type { HostServer } from '../../../src/host/listen/server.js'
import { LimitError, OutboxFullError, publishTo, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, register, untilStatus, upTo } from '../../support/messages.js'
import { identityOf } from '../../support/identity.js'
import { Rogue } from '../../support/rogue.js'

const MEGABYTE = 1024 * 1024

describe('a full memory', () => {
  let server: HostServer
  const buses: Bus[] = []
  const rogues: Rogue[] = []

  const bus = (van = 'default'): Bus => {
    const made = clientOf(server.port, { van }).bus
    buses.push(made)
    return made
  }

  const rogue = async (name: string): Promise<Rogue> => {
    const made = await Rogue.join({
      url: `http://127.0.0.1:${server.port}`,
      credential: { secret },
      client: identityOf(name),
    })
    rogues.push(made)
    return made
  }

  const memoryOf = (van: string): number => server.broker(van).memory.bytes

  const start = async (limits: Parameters<typeof startServer>[0]): Promise<void> => {
    server = await startServer(limits)
  }

  afterEach(async () => {
    for (const each of rogues.splice(0)) each.close()
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await server.close()
  })

  it('of a van holds its publishers back, not those of others, and drops nothing', async () => {
    await start({ vanMemory: 2 * MEGABYTE })
    const publisher = bus()
    await register(publisher, 'w', 't')
    const payload = Buffer.alloc(200_000)
    let taken = 0
    const publishes = upTo(11).map(n => publisher.publish('t', { n, payload }).then(() => (taken += 1)))
    await untilStatus(publisher, 'w', { pending: 11 })
    const { memory } = await publisher.status()
    expect(memory?.van.max).to.equal(2 * MEGABYTE)
    expect(memory?.van.bytes).to.be.above(2 * MEGABYTE)
    // All of them wait in the van. Those behind its limit are not taken yet.
    const late = publisher.publish('t', { n: 12, payload }).then(() => (taken += 1))
    await untilStatus(publisher, 'w', { pending: 12 })
    expect(taken).to.be.below(12)
    const other = bus('other')
    const seen = collect(other.topic('t'))
    await other.ready()
    await other.publish('t', 1)
    expect(payloads(await seen.first(1))).to.deep.equal([1])
    const came = collect(publisher.topic<{ n: number }>('t', { name: 'w' }))
    expect((await came.first(12)).map(message => message.payload.n)).to.deep.equal(upTo(12))
    await Promise.all([...publishes, late])
    await eventually(() => expect(memoryOf('default')).to.equal(0))
  })

  it('does not hold back a client that works: what it has in hand gets done', async () => {
    await start({ vanMemory: MEGABYTE })
    const publisher = bus()
    await register(publisher, 'in', 'in')
    await register(publisher, 'out', 'out')
    const payload = Buffer.alloc(300_000)
    const publishes = upTo(4).map(() => publisher.publish('in', payload))
    await untilStatus(publisher, 'in', { pending: 4 })
    const worker = bus()
    worker.topic('in', { name: 'in', prefetch: 1 }).pipe(publishTo(worker, 'out')).subscribe()
    await untilStatus(publisher, 'in', { acked: 4 })
    await untilStatus(publisher, 'out', { pending: 4 })
    const drained = collect(publisher.topic('out', { name: 'out' }))
    await drained.first(4)
    await Promise.all(publishes)
  })

  it('refuses a client that goes on publishing, and ends its connection when it does not care', async () => {
    await start({ vanMemory: 2 * MEGABYTE, maxWaiting: MEGABYTE })
    const honest = bus()
    await register(honest, 'w', 't')
    const client = await rogue('rogue')
    let reason: unknown
    void client.lost.then(error => (reason = error))
    const payload = Buffer.alloc(1_000)
    for (let sent = 0; sent < 20_000 && reason === undefined; sent += 1) {
      client.publish('t', Array(50).fill(payload))
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(await client.lost).to.be.instanceOf(LimitError)
    const { sessions } = server
    expect(memoryOf('default')).to.be.below(2.6 * MEGABYTE)
    expect(sessions.memory.bytes).to.be.below(5 * MEGABYTE)
    // The honest client waits, or is refused: it knows.
    const outcome = honest.publish('t', payload).then(
      () => 'taken',
      (error: unknown) => (error as Error).constructor,
    )
    await untilStatus(honest, 'w', { acked: 0 })
    honest.topic('t', { name: 'w' }).subscribe()
    expect(['taken', OutboxFullError]).to.include(await outcome)
    await eventually(() => expect(memoryOf('default')).to.equal(0))
    await honest.publish('t', 'after')
  })

  it('of a host leaves little for each client that does not read', async () => {
    await start({ hostMemory: 8 * MEGABYTE, maxWaiting: 4 * MEGABYTE })
    const honest = bus('full')
    await register(honest, 'w', 't')
    const payload = Buffer.alloc(900_000)
    const held = upTo(10).map(() => honest.publish('t', payload))
    await untilStatus(honest, 'w', { pending: 10 })
    const client = await rogue('rogue')
    for (let sent = 0; sent < 10_000; sent += 1) client.call('nothing')
    expect(await client.lost).to.be.instanceOf(LimitError)
    expect(server.sessions.memory.bytes).to.be.below(11 * MEGABYTE)
    honest.topic('t', { name: 'w' }).subscribe()
    await Promise.all(held)
    await eventually(() => expect(server.sessions.memory.bytes).to.be.below(2 * MEGABYTE))
    server.endSession(identityOf('rogue').id)
    await eventually(() => expect(server.sessions.memory.bytes).to.be.below(1_000))
  })
})
