import { expect } from 'chai'
import { MAX_UNINDEXED } from '../../../src/host/session/consumers/pattern-budget.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { LimitError, type Bus } from '../../../src/index.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads } from '../../support/messages.js'

describe('the patterns of one client', () => {
  let server: HostServer
  const open: Bus[] = []

  const client = (): Bus => {
    const { bus } = clientOf(server.port)
    open.push(bus)
    return bus
  }

  beforeEach(async () => {
    server = await startServer()
  })

  afterEach(async () => {
    await Promise.all(open.splice(0).map(bus => bus.close({ drain: false })))
    await server.close()
  })

  it('are refused by LimitError beyond its budget; what it has goes on, others are free, and what it gives up is room', async () => {
    const bus = client()
    const of = (i: number): RegExp => new RegExp(`^[^a]{${900 + i}}$`)
    const fitting = Math.floor(MAX_UNINDEXED / 950)
    const there = Array.from({ length: 98 }, (_, i) => bus.topic(of(i)).subscribe())
    for (let i = 98; i < fitting; i += 1) there.push(bus.topic(new RegExp(`^[^${i}]{950}$`)).subscribe())
    await bus.ready()
    const refusals: unknown[] = []
    for (const letter of 'bcde') {
      const pattern = new RegExp(`^[^${letter}]{990}$`)
      bus.topic(pattern).subscribe({ error: (error: unknown) => refusals.push(error) })
    }
    await bus.ready()
    await eventually(() => expect(refusals).to.have.lengthOf(4))
    expect(refusals.every(error => error instanceof LimitError)).to.equal(true)
    const seen = collect(bus.topic(/^orders\./))
    const other = client()
    other.topic(/^[^f]{990}$/).subscribe()
    for (const each of there.splice(0, 2)) each.unsubscribe()
    const again = collect(bus.topic(/^[^b]{990}$/))
    await bus.ready()
    await other.ready()
    await other.publish('orders.a', 1)
    expect(payloads(await seen.first(1))).to.deep.equal([1])
    await other.publish('a'.repeat(990), 2)
    expect(payloads(await again.first(1))).to.deep.equal([2])
  })
})
