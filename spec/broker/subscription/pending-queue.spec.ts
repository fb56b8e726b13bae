import { expect } from 'chai'
import fc from 'fast-check'
import { Item } from '../../../src/broker/subscription/backlog/item.js'
import { PackedQueue } from '../../../src/broker/subscription/backlog/packed-queue.js'
import { PendingQueue } from '../../../src/broker/subscription/backlog/pending-queue.js'
import { Envelope, noHeaders, RepeatedEnvelope, RedrivenEnvelope } from '../../../src/message/envelope.js'
import { Encoding } from '../../../src/codec/encoding.js'

const item = (order: number) =>
  new Item(new Envelope('p', order, 't', noHeaders, 0, order, 0, Encoding.Value), order)
const orders = (line: PendingQueue) => [...line].map(each => each.order)

for (const [kind, Line] of [
  ['as a list', PendingQueue],
  ['packed at its end', PackedQueue],
] as const)
  describe(`the waiting line, ${kind}`, () => {
    it('keeps the order when messages return', () => {
      const step = fc.oneof(
        { weight: 4, arbitrary: fc.constant('push' as const) },
        { weight: 3, arbitrary: fc.constant('shift' as const) },
        { weight: 2, arbitrary: fc.nat(20) },
        { weight: 1, arbitrary: fc.array(fc.nat(20), { maxLength: 10 }) },
      )
      fc.assert(
        fc.property(
          fc.array(step, { maxLength: 80 }),
          fc.constantFrom([0, 0], [1_060, 0], [2_045, 2_035]),
          (steps, [before = 0, taken = 0]) => {
            const line = new Line()
            const out: Item[] = []
            let last = 0
            while (last < before) line.push(item(++last))
            let waiting = Array.from({ length: before }, (_, at) => at + 1)
            for (let count = 0; count < taken; count += 1) {
              const first = line.shift()
              if (first !== undefined) out.push(first)
              waiting.shift()
            }
            for (const what of steps) {
              if (what === 'push') {
                line.push(item(++last))
                waiting.push(last)
              } else if (what === 'shift') {
                const first = line.shift()
                expect(first?.order).to.equal(waiting.shift())
                if (first !== undefined) out.push(first)
              } else {
                const places = typeof what === 'number' ? [what] : what
                const back = places.flatMap(place => out.splice(place % Math.max(1, out.length), 1))
                if (typeof what === 'number') for (const each of back) line.restore(each)
                else line.restoreAll(back)
                waiting = [...waiting, ...back.map(each => each.order)].sort((a, b) => a - b)
              }
              expect(orders(line)).to.deep.equal(waiting)
              expect(line.length).to.equal(waiting.length)
              expect(line.first?.order).to.equal(waiting[0])
            }
          },
        ),
      )
    })

    it('stays in order when it is long', () => {
      const line = new Line()
      const out: Item[] = []
      for (let order = 1; order <= 10_000; order += 1) line.push(item(order))
      for (let count = 0; count < 6_000; count += 1) {
        const first = line.shift()
        if (first !== undefined) out.push(first)
      }
      line.restoreAll(out.filter(each => each.order % 2 === 0))
      for (const each of out.filter(({ order }) => order % 2 === 1).reverse()) line.restore(each)
      expect(orders(line)).to.deep.equal(Array.from({ length: 10_000 }, (_, at) => at + 1))
    })

    it('is empty after clear()', () => {
      const line = new Line()
      line.push(item(1))
      line.clear()
      expect(line.length).to.equal(0)
      expect(line.shift()).to.equal(undefined)
    })
  })

describe('a message that returns to a pending queue', () => {
  it('finds its place without a look at all the others', () => {
    let looks = 0
    class Watched extends Item {
      readonly #order: number
      constructor(n: number) {
        super(item(n).envelope, n)
        this.#order = n
        Object.defineProperty(this, 'order', { get: () => ((looks += 1), this.#order) })
      }
    }
    const line = new PendingQueue()
    for (let order = 1; order <= 30_000; order += 1) line.push(new Watched(order))
    for (let count = 0; count < 1_000; count += 1) {
      const out = [line.shift(), line.shift(), line.shift()].filter(each => each !== undefined)
      line.restoreAll(out.slice(1))
    }
    // A look at each of those that wait would be 30 million; to search among them by halves is 16 for each.
    expect(looks).to.be.greaterThan(0)
    expect(looks).to.be.at.most(2_000 * 20)
    expect([...line]).to.have.length(29_000)
  })
})

describe('a message in a packed line', () => {
  it('is what it was', () => {
    const line = new PackedQueue()
    const given = Array.from({ length: 5_000 }, (_, at) => {
      const bytes = Buffer.from(`some bytes, of which ${at} are its own`)
      const headers = at % 3 === 0 ? { at: String(at) } : noHeaders
      const Kind = at % 5 === 0 ? RedrivenEnvelope : at % 7 === 0 ? RepeatedEnvelope : Envelope
      return at % 2 === 0
        ? new Kind(`p${at}`, 2 ** 40 + at, `t.${at}`, headers, 1.7e12 + at, bytes, 9, Encoding.Bytes, at % 20)
        : new Envelope('p', at + 1, 't', headers, at, { at }, 0, Encoding.Value)
    })
    given.forEach((envelope, at) => line.push(new Item(envelope, at + 7)))
    const taken = given.map(() => line.shift())
    expect(taken.map(each => each?.envelope)).to.deep.equal(given)
    expect(taken.map(each => each?.envelope.constructor)).to.deep.equal(given.map(each => each.constructor))
    expect(
      taken.every((each, at) => each?.envelope.body === given[at]?.body || each?.envelope.size === 9),
    ).to.equal(true)
    expect(taken.map(each => each?.order)).to.deep.equal(given.map((_, at) => at + 7))
    expect(line.length).to.equal(0)
  })
})
