import { expect } from 'chai'
import fc from 'fast-check'
import { Item } from '../../src/broker/item.js'
import { WaitingLine } from '../../src/broker/waiting-line.js'
import { Encoding, Envelope, noHeaders } from '../../src/message/envelope.js'

const item = (order: number) =>
  new Item(new Envelope('p', order, 't', noHeaders, 0, order, 0, Encoding.Value), order)
const orders = (line: WaitingLine) => [...line].map(each => each.order)

describe('the waiting line', () => {
  it('keeps the order through whatever comes back', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('push' as const) },
      { weight: 3, arbitrary: fc.constant('shift' as const) },
      { weight: 2, arbitrary: fc.nat(20) },
      { weight: 1, arbitrary: fc.array(fc.nat(20), { maxLength: 10 }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const line = new WaitingLine()
        let waiting: number[] = []
        const out: Item[] = []
        let last = 0
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
      }),
    )
  })

  it('stays in order when it is long', () => {
    const line = new WaitingLine()
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
    const line = new WaitingLine()
    line.push(item(1))
    line.clear()
    expect(line.length).to.equal(0)
    expect(line.shift()).to.equal(undefined)
  })
})
