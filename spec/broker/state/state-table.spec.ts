import { expect } from 'chai'
import fc from 'fast-check'
import { StateTable } from '../../../src/broker/state/state-table.js'

describe('the table of states', () => {
  const step = fc.record({
    topic: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    by: fc.constantFrom('x', 'y'),
    /** Compares with the version that the bus saw last, or that it has not seen. */
    compares: fc.boolean(),
    isStale: fc.boolean(),
    isRepeated: fc.boolean(),
  })

  it('makes each change once, one after another, each with a higher version', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const news: number[] = []
        const table = new StateTable({ changed: ({ version }) => news.push(version), now: () => 7 })
        const model = new Map<string, { value: number | undefined; version: number }>()
        let number = 0
        for (const { topic, value, by, compares, isStale, isRepeated } of steps) {
          const before = model.get(topic) ?? { value: undefined, version: 0 }
          const expected = compares ? before.version + (isStale ? 1 : 0) : undefined
          number += 1
          const bytes = value === undefined ? {} : { value: Uint8Array.of(value) }
          const change = { topic, by, number, ...bytes, ...(expected === undefined ? {} : { expected }) }
          const outcome = table.change(change)
          const isDone = !(compares && isStale)
          expect(outcome.isDone).to.equal(isDone)
          if (isDone && !(value === undefined && before.value === undefined))
            model.set(topic, { value, version: outcome.entry.version })
          const now = model.get(topic) ?? { value: undefined, version: 0 }
          expect(table.get(topic).version).to.equal(now.version)
          expect(table.get(topic).value?.[0]).to.equal(now.value)
          if (!isRepeated || !isDone) continue
          expect(table.change(change).isDone).to.equal(true)
          expect(table.get(topic).version).to.equal(now.version)
        }
        expect(news).to.deep.equal([...new Set(news)].sort((a, b) => a - b))
        const copy = new StateTable({ changed: () => undefined })
        for (const each of table.all()) copy.restore(each)
        for (const topic of ['a', 'b', 'c']) expect(copy.get(topic)).to.deep.equal(table.get(topic))
      }),
    )
  })

  it('has limits', () => {
    const table = new StateTable({ changed: () => undefined, limits: { keys: 2, bytes: 100 } })
    const set = (topic: string, size: number, number: number) =>
      table.change({ topic, value: new Uint8Array(size), by: 'x', number })
    set('a', 10, 1)
    set('b', 10, 2)
    expect(() => set('c', 1, 3)).to.throw(/2 states/)
    expect(() => set('b', 99, 4)).to.throw(/100 bytes/)
    table.change({ topic: 'a', by: 'x', number: 5 })
    expect(set('c', 80, 6).isDone).to.equal(true)
  })
})
