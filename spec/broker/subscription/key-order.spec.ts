import { expect } from 'chai'
import fc from 'fast-check'
import { KeyLanes } from '../../../src/broker/subscription/backlog/key-lanes.js'
import { Item } from '../../../src/broker/subscription/backlog/item.js'
import { PackedQueue } from '../../../src/broker/subscription/backlog/packed-queue.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'

const item = (key: string, order: number): Item =>
  new Item(new Envelope('p', order, key, noHeaders, 0, undefined, 10, Encoding.Value), order)

const newLanes = (): KeyLanes =>
  new KeyLanes(
    ({ topic }) => (topic === '' ? undefined : topic),
    () => false,
  )

describe('the lanes of keys', () => {
  it('keep nothing for idle keys', () => {
    const lanes = newLanes()
    for (let n = 1; n <= 20_000; n += 1) {
      const { envelope } = item(`k${n}`, n)
      expect(lanes.begin(envelope)).to.equal(true)
      expect(lanes.release(envelope, 1)).to.equal(undefined)
    }
    expect(lanes.keys).to.equal(0)
  })

  it('give each key its messages one by one, in their order, whatever comes back', () => {
    const step = fc.record({
      what: fc.constantFrom('new', 'ack', 'back', 'drop', 'retry', 'due'),
      key: fc.nat(3),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const lanes = newLanes()
        const queue: Item[] = []
        const open = new Map<string, Item>()
        const retrying: Item[] = []
        const left = new Map<string, number[]>()
        let order = 0
        const restore = (next: Item | undefined): void => {
          if (next !== undefined) queue.push(next)
          queue.sort((a, b) => a.order - b.order)
        }
        const dispatch = (): void => {
          for (let first = queue.shift(); first !== undefined; first = queue.shift()) {
            if (!lanes.begin(first.envelope)) {
              lanes.park(first)
              continue
            }
            const { topic } = first.envelope
            expect(open.has(topic)).to.equal(false)
            expect(retrying.some(each => each.envelope.topic === topic)).to.equal(false)
            // The oldest of its key that is left.
            expect(first.order).to.equal(left.get(topic)?.[0])
            open.set(topic, first)
          }
        }
        const gone = ({ envelope: { topic }, order: gone }: Item): void => {
          left.set(
            topic,
            (left.get(topic) ?? []).filter(each => each !== gone),
          )
        }
        for (const { what, key } of steps) {
          const topic = `k${key}`
          const held = open.get(topic)
          if (what === 'new') {
            order += 1
            queue.push(item(topic, order))
            left.set(topic, [...(left.get(topic) ?? []), order])
          } else if (what === 'drop') {
            const oldest = lanes.oldest
            if (oldest === undefined) continue
            lanes.take(oldest)
            gone(oldest)
            restore(lanes.release(oldest.envelope, 0))
          } else if (what === 'due') {
            const due = retrying.shift()
            if (due === undefined) continue
            restore(due)
            restore(lanes.release(due.envelope, 1))
          } else if (held !== undefined) {
            open.delete(topic)
            if (what === 'ack') gone(held)
            else if (what === 'back') restore(held)
            else {
              retrying.push(held)
              lanes.hold(held.envelope)
            }
            restore(lanes.release(held.envelope, 1))
          }
          dispatch()
        }
        for (const due of retrying.splice(0)) {
          restore(due)
          restore(lanes.release(due.envelope, 1))
        }
        dispatch()
        while (open.size > 0) {
          for (const [topic, held] of open) {
            open.delete(topic)
            gone(held)
            restore(lanes.release(held.envelope, 1))
          }
          dispatch()
        }
        expect([...left.values()].flat()).to.deep.equal([])
        expect([lanes.keys, lanes.size, lanes.bytes]).to.deep.equal([0, 0, 0])
      }),
      { numRuns: 2_000 },
    )
  })

  it('a step costs the same, however many of a key wait', () => {
    const costOf = (waiting: number): number => {
      const lanes = newLanes()
      const first = item('a', 0)
      lanes.begin(first.envelope)
      for (let n = 1; n <= waiting; n += 1) lanes.park(item('a', n))
      const start = performance.now()
      for (let n = 0; n < 20_000; n += 1) {
        const other = item(`b${n % 100}`, waiting + n)
        lanes.begin(other.envelope)
        lanes.release(other.envelope, 1)
        const next = lanes.release(first.envelope, 1)
        if (next === undefined || !lanes.begin(next.envelope)) throw new Error('not free')
        lanes.park(item('a', waiting + n + 1))
      }
      return performance.now() - start
    }
    costOf(100)
    expect(costOf(100_000)).to.be.below(20 * Math.max(costOf(100), 5))
  })
})

describe('a packed queue', () => {
  it('takes items with gaps in their order into few blocks', () => {
    const queue = new PackedQueue()
    const before = process.memoryUsage().arrayBuffers
    for (let n = 0; n < 20_000; n += 1) queue.push(item('t', n * 3))
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(4 * 1024 * 1024)
    const orders = []
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) orders.push(next.order)
    expect(orders).to.deep.equal(Array.from({ length: 20_000 }, (_, n) => n * 3))
  })
})
