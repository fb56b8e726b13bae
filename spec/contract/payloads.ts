import { expect } from 'chai'
import { InvalidPayloadError, PayloadTooLargeError } from '../../src/index.js'
import { collect, payloads, rejection } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

const carried: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -0,
  1.5,
  NaN,
  Infinity,
  2 ** 53,
  '',
  'text \u0000 é 😀',
  'x'.repeat(70_000),
  12345678901234567890n,
  -1n,
  [],
  [1, [2, [3]]],
  {},
  { a: { b: [{ c: undefined }] } },
  new Date(86_400_000),
  new Map<unknown, unknown>([
    ['a', 1],
    [{ k: 1 }, new Set([1])],
  ]),
  new Set(['a', 2, null]),
  Uint8Array.of(1, 2, 3),
  Float64Array.of(0.5, -1),
  BigInt64Array.of(-1n),
]

export function payloadRules(at: Connected): void {
  describe('payloads', () => {
    it('carries what structured clone takes', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      for (const value of carried) await bus.publish('t', value)
      expect(payloads(await seen.first(carried.length))).to.deep.equal(carried)
    })

    it('carries a Buffer', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.publish('t', Buffer.from('bytes'))
      const [message] = await seen.first(1)
      expect(Buffer.from(message?.payload as Uint8Array).toString()).to.equal('bytes')
    })

    it('refuses what cannot be carried, at publish, and goes on', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const throwing = {
        get trap() {
          throw new Error('a getter of the app')
        },
      }
      const wrong = [
        () => 1,
        Symbol('s'),
        { deep: [{ f: () => 1 }] },
        new Map([['s', Symbol('s')]]),
        new WeakMap(),
        throwing,
        Promise.resolve(),
      ]
      for (const value of wrong) {
        expect(await rejection(bus.publish('t', value))).to.be.instanceOf(InvalidPayloadError)
        expect(await rejection(bus.publish({ topic: 't', payload: value }))).to.be.instanceOf(
          InvalidPayloadError,
        )
      }
      await bus.publish('t', 'good')
      expect(payloads(await seen.first(1))).to.deep.equal(['good'])
    })

    it('refuses a payload over 8 MiB, and goes on', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      expect(await rejection(bus.publish('t', new Uint8Array(8 * 1024 * 1024 + 1)))).to.be.instanceOf(
        PayloadTooLargeError,
      )
      await bus.publish('t', new Uint8Array(1024 * 1024))
      expect(((await seen.first(1))[0]?.payload as Uint8Array).length).to.equal(1024 * 1024)
    })

    itWith(at, 'shares', 'are the same object for all, inside one process', async () => {
      const bus = at.bus()
      const [a, b] = [collect(bus.topic('t')), collect(bus.topic('t'))]
      const payload = { n: 1 }
      await bus.publish('t', payload)
      expect((await a.first(1))[0]?.payload).to.equal(payload)
      expect((await b.first(1))[0]?.payload).to.equal(payload)
    })

    itWith(at, 'copies', 'are a fresh copy at each delivery', async () => {
      const bus = at.bus()
      const seen: { n: number }[] = []
      bus.topic<{ n: number }>('t', { delay: 0 }).subscribe(message => {
        seen.push(message.payload)
        message.payload.n = -1
        if (message.attempt < 3) message.nack()
      })
      const other = collect(bus.topic('t'))
      const payload = { n: 1 }
      const taken = bus.publish('t', payload)
      payload.n = 2 // too late to be published
      await taken
      await bus.publish('marker')
      await other.first(1)
      const again = collect(bus.topic('end'))
      await bus.publish('end')
      await again.first(1)
      expect(payloads(other.values)).to.deep.equal([{ n: 1 }])
      expect(new Set(seen).size).to.equal(seen.length)
    })
  })
}
