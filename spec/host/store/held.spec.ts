import { expect } from 'chai'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { Bus, Message, TopicOptions } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, statusOf, untilStatus, upTo } from '../../support/messages.js'

const nothing = (): void => undefined

describe('the held messages of a full subscription at the death of a host with a store', () => {
  let disk: Disk
  let server: HostServer
  let die: () => void
  let open: Bus[]

  const start = async (port = 0): Promise<void> => {
    const mortal = disk.mortal()
    die = mortal.die
    server = await startServer({ port, awaitsStore: true })
    server.openStore(new HostStore({ store: mortal.store, warn: nothing }))
  }
  /** As kill -9 does: nothing is written any more; then another host over the same disk. */
  const crash = async (meanwhile?: () => Promise<void>): Promise<void> => {
    const { port } = server
    die()
    await server.close()
    await meanwhile?.()
    await start(port)
  }
  const bus = (): Bus => {
    const { bus } = clientOf(server.port)
    open.push(bus)
    return bus
  }
  const register = async (of: Bus, rules: TopicOptions): Promise<void> => {
    const first = of.topic('t', rules).subscribe()
    await of.ready()
    first.unsubscribe()
    await untilStatus(of, 'full', { consumers: 0 })
  }
  /** @returns those that are published, as far as the van has confirmed them */
  const publishing = (of: Bus, values: readonly number[]): number[] => {
    const confirmed: number[] = []
    for (const value of values)
      of.publish('t', value).then(() => {
        confirmed.push(value)
      }, nothing)
    return confirmed
  }

  beforeEach(async () => {
    disk = new Disk()
    open = []
    await start()
  })
  afterEach(async () => {
    await Promise.all(open.map(each => each.close({ drain: false })))
    await server.close()
  })

  it('are held by the next host, their publishers wait again, and they come in order', async () => {
    const rules = { name: 'full', maxPending: 3 }
    const [worker, publisher, neighbour] = [bus(), bus(), bus()]
    await register(worker, rules)
    const others = collect(neighbour.topic<number>('t'))
    await neighbour.ready()
    const confirmed = publishing(publisher, upTo(6))
    await untilStatus(worker, 'full', { pending: 3, held: 3 })
    await eventually(() => expect(confirmed).to.deep.equal([1, 2, 3]))
    for (let deaths = 0; deaths < 2; deaths += 1) {
      await crash()
      expect(await statusOf(worker, 'full')).to.include({ pending: 3, held: 3, pausing: true })
    }
    await publisher.ready()
    confirmed.push(...publishing(publisher, [7]))
    await untilStatus(worker, 'full', { pending: 3, held: 4 })
    await others.first(7)
    expect(confirmed).to.deep.equal([1, 2, 3])
    const got: Message<number>[] = []
    worker.topic<number>('t', { ...rules, ack: 'manual', prefetch: 1 }).subscribe(each => got.push(each))
    await untilStatus(worker, 'full', { inFlight: 1, pending: 3, held: 3 })
    for (const count of upTo(7)) {
      await eventually(() => expect(got).to.have.lengthOf(count))
      got[count - 1]?.ack()
    }
    await untilStatus(worker, 'full', { acked: 7, pending: 0, pendingBytes: 0, held: 0, pausing: false })
    expect(payloads(got)).to.deep.equal(upTo(7))
    await eventually(() => expect(confirmed).to.have.members(upTo(6)))
    expect(payloads(others.values)).to.deep.equal(upTo(7))
  })

  it('are held beyond the messages that consumers of the dead host had in hand', async () => {
    const rules = { name: 'full', maxPending: 3, ack: 'manual', prefetch: 2 } as const
    const [worker, publisher, watcher] = [bus(), bus(), bus()]
    const consumer = worker.topic<number>('t', rules).subscribe()
    await worker.ready()
    publishing(publisher, upTo(7))
    await untilStatus(watcher, 'full', { inFlight: 2, pending: 3, held: 2 })
    await crash(async () => {
      consumer.unsubscribe()
      await worker.close({ drain: false })
    })
    expect(await statusOf(watcher, 'full')).to.include({ inFlight: 0, pending: 3, held: 4 })
    const rest = collect(watcher.topic<number>('t', { name: 'full', maxPending: 3 }))
    expect(payloads(await rest.first(7))).to.deep.equal(upTo(7))
    await untilStatus(watcher, 'full', { pending: 0, held: 0, pausing: false })
  })

  it('are held by their bytes as before, without their publishers', async () => {
    const rules = { name: 'full', maxPendingBytes: 2_500 }
    const [worker, publisher] = [bus(), bus()]
    await register(worker, rules)
    for (const n of upTo(5)) publisher.publish('t', { n, text: 'x'.repeat(1_000) }).catch(nothing)
    await untilStatus(worker, 'full', { pending: 3, held: 2 })
    const { pendingBytes } = await statusOf(worker, 'full')
    await crash(() => publisher.close({ drain: false }))
    expect(await statusOf(worker, 'full')).to.include({ pending: 3, pendingBytes, held: 2 })
    const rest = collect(worker.topic<{ n: number }>('t', rules))
    expect((await rest.first(5)).map(({ payload }) => payload.n)).to.deep.equal(upTo(5))
    await untilStatus(worker, 'full', { pending: 0, pendingBytes: 0, held: 0, pausing: false })
  })

  it('are held where more is pending than fits into the memory, with messages of others in between', async () => {
    const rules = { name: 'full', maxPending: 2_500 }
    const [worker, publisher] = [bus(), bus()]
    await register(worker, rules)
    const elsewhere = collect(worker.topic('u', { name: 'u' }))
    await worker.ready()
    publishing(publisher, upTo(4_000))
    await publishAll(publisher, 'u', upTo(100))
    await untilStatus(worker, 'full', { pending: 2_500, held: 1_500 })
    await crash(() => publisher.close({ drain: false }))
    expect(await statusOf(worker, 'full')).to.include({ pending: 2_500, held: 1_500 })
    expect(payloads(elsewhere.values)).to.deep.equal(upTo(100))
    const rest = collect(worker.topic<number>('t', rules))
    expect(payloads(await rest.first(4_000))).to.deep.equal(upTo(4_000))
    await untilStatus(worker, 'full', { acked: 4_000, pending: 0, pendingBytes: 0, held: 0, pausing: false })
  })

  it('are released by other rules', async () => {
    const [worker, publisher] = [bus(), bus()]
    await register(worker, { name: 'full', maxPending: 3 })
    const confirmed = publishing(publisher, upTo(6))
    await untilStatus(worker, 'full', { pending: 3, held: 3 })
    await crash()
    await publisher.ready()
    worker.topic('t', { name: 'full', maxPending: 10, ack: 'manual', prefetch: 1 }).subscribe()
    await untilStatus(worker, 'full', { inFlight: 1, pending: 5, held: 0, pausing: false })
    await eventually(() => expect(confirmed).to.have.members(upTo(6)))
  })

  it('count as no more than is there, where a piece of the log is gone', async () => {
    const rules = { name: 'full', maxPending: 3 }
    const [worker, publisher] = [bus(), bus()]
    await register(worker, rules)
    await publishAll(publisher, 't', upTo(3))
    publishing(publisher, [4, 5, 6])
    await untilStatus(worker, 'full', { pending: 3, held: 3 })
    await crash(async () => {
      await publisher.close({ drain: false })
      const [chunk] = disk.store.scan(1, 0)
      await disk.store.transact(transaction => transaction.trim(1, chunk?.first ?? 0))
    })
    const rest = collect(worker.topic<number>('t', rules))
    await untilStatus(worker, 'full', { pending: 0, pendingBytes: 0, held: 0, pausing: false })
    expect(payloads(rest.values).slice(-3)).to.deep.equal([4, 5, 6])
    await worker.publish('t', 7)
    await eventually(() => expect(payloads(rest.values).at(-1)).to.equal(7))
  })
})
