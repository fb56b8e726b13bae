import { expect } from 'chai'
import { createSecretKey } from 'node:crypto'
import { firstValueFrom, of } from 'rxjs'
import {
  InvalidOptionError,
  InvalidPatternError,
  InvalidPayloadError,
  InvalidTopicError,
  PayloadTooLargeError,
  type Bus,
  type MessageFields,
} from '../../src/index.js'
import type { Message } from '../../src/message/message.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, rejection } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object }

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

/** Node 20 has it, ES2022's types do not. */
type ResizableBuffer = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void }

type Sent = MessageFields<{ n: number }>

/** A message as a subscriber has it. */
async function anOrder(bus: Bus): Promise<Message<{ n: number }>> {
  const orders = collect(bus.topic<{ n: number }>('orders'))
  await bus.ready()
  await bus.publish('orders', { n: 7 }, { headers: { a: 'b' } })
  const [order] = await orders.first(1)
  if (order === undefined) throw new Error('no order came')
  return order
}

/** All that is named by an app, and crosses. */
function namesOf(bus: Bus, name: string): Record<string, () => unknown> {
  const ref = { module: '/x.js' }
  const letters = bus.deadLetters()
  return {
    unsubscribe: () => bus.unsubscribe(name),
    expose: () => bus.expose(name, () => of(1)),
    observe: () => bus.observe(name),
    handler: () => bus.subscribeHandler(name, ref, 't'),
    module: () => bus.subscribeHandler('h', { module: `/${name}.js` }, 't'),
    export: () => bus.subscribeHandler('h', { module: '/x.js', export: name }, 't'),
    'actor subscription': () => bus.subscribeActor(name, 'id', 't'),
    'actor id': () => bus.subscribeActor('a', name, 't'),
    'actor ref': () => bus.actors.ref(name),
    'actor stop': () => bus.actors.stop(name),
    'actor find': () => bus.actors.find(name),
    'actor name': () => bus.actors.create(ref, { name }),
    requires: () => bus.actors.create(ref, { requires: { [name]: true } }),
    'dead letters of': () => letters.list({ subscription: name }),
    'dead letter': () => letters.purge({ id: name }),
  }
}

export function payloadRules(at: Connected): void {
  describe('payloads', () => {
    it('are in a spread, a clone and JSON of the message, with the rest of its data and nothing else', async () => {
      const bus = at.bus()
      const seen: Message[] = []
      bus.topic('t').subscribe(message => seen.push(message))
      await bus.ready()
      for (let n = 0; n < 3; n += 1) await bus.publish('t', { n }, { headers: { a: 'b' } })
      await eventually(() => expect(seen).to.have.length(3))
      expect(new Set(seen.map(({ id }) => id)).size).to.equal(3)
      for (const [n, message] of seen.entries()) {
        const { id, timestamp } = message
        expect(id).to.match(/^.+-[0-9a-z]+$/)
        const all = {
          id,
          topic: 't',
          payload: { n },
          headers: { a: 'b' },
          timestamp,
          attempt: 1,
          redelivered: false,
        }
        // eslint-disable-next-line @typescript-eslint/no-misused-spread -- its data are what is asked for
        expect({ ...message }).to.deep.equal(all)
        expect(structuredClone(message)).to.deep.equal(all)
        expect(JSON.parse(JSON.stringify(message))).to.deep.equal(all)
      }
    })

    it('a message as a payload, inside one and in a remote observable has its data', async () => {
      const bus = at.bus()
      const message = await anOrder(bus)
      const { id, timestamp } = message
      const audit = collect(bus.topic<Sent>('audit'))
      const batch = collect(bus.topic<{ list: Sent[] }>('batch'))
      bus.expose('orders', () => of(message))
      await bus.ready()
      await bus.publish('audit', message)
      await bus.publish('batch', { list: [message] })
      const observed = await firstValueFrom(bus.observe<void, Sent>('orders'))
      const [first, second] = [(await audit.first(1))[0], (await batch.first(1))[0]]
      for (const sent of [first?.payload, second?.payload.list[0], observed]) {
        expect({ ...sent }).to.deep.equal({
          id,
          topic: 'orders',
          payload: { n: 7 },
          headers: { a: 'b' },
          timestamp,
          attempt: 1,
          redelivered: false,
        })
      }
    })

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

    it('refuses bytes that are gone: of a detached buffer, or beyond the end of one that was made shorter', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const given = new ArrayBuffer(8)
      const views = [new Uint8Array(given), new DataView(given), Buffer.from(given), new Float64Array(given)]
      structuredClone(given, { transfer: [given] })
      const shorter = new (ArrayBuffer as unknown as ResizableBuffer)(8, { maxByteLength: 8 })
      const beyond = [new Uint8Array(shorter, 4, 4), new DataView(shorter, 4, 4)]
      shorter.resize(2)
      for (const gone of [given, ...views, ...beyond]) {
        expect(await rejection(bus.publish('t', gone))).to.be.instanceOf(InvalidPayloadError)
        const refusal = await rejection(bus.publish('t', { gone }))
        expect(refusal).to.be.instanceOf(InvalidPayloadError)
        expect((refusal as Error).message).to.match(/^payload\.gone .*detached/)
      }
      const empty = [new ArrayBuffer(0), new Uint8Array(0), Buffer.alloc(0), new DataView(new ArrayBuffer(0))]
      for (const value of empty) await bus.publish('t', value)
      expect(await seen.first(4)).to.have.length(4)
    })

    it('refuses what would cost its readers too much, at publish, and goes on', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const costly = [
        new Array<number>(3_000_000),
        Array.from({ length: 100_000 }, () => new Map()),
        1n << 600_000n,
        [new RegExp('a'.repeat(10_000))],
      ]
      for (const value of costly) {
        const refusal = await rejection(bus.publish('t', value))
        expect(refusal).to.be.instanceOf(InvalidPayloadError)
        expect((refusal as Error).message).to.match(/readers/)
      }
      await bus.publish('t', 'good')
      expect(payloads(await seen.first(1))).to.deep.equal(['good'])
    })

    it('refuses what keeps its state where no property shows it', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      class Purse {
        #cents = 5
        get cents(): number {
          return this.#cents
        }
      }
      const opaque = {
        Blob: new Blob(['b']),
        CryptoKey: await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt']),
        KeyObject: createSecretKey(Buffer.from('key')),
        'WebAssembly.Module': new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)),
        MessagePort: new MessageChannel().port1,
        'an array iterator': [1][Symbol.iterator](),
        'a map iterator': new Map([[1, 2]]).entries(),
        'a string iterator': 'text'[Symbol.iterator](),
        'matches of a RegExp': 'text'.matchAll(/t/g),
        DateTimeFormat: new Intl.DateTimeFormat(),
        Collator: new Intl.Collator(),
        URL: new URL('http://localhost/'),
        URLSearchParams: new URLSearchParams('a=1'),
        Headers: new Headers(),
        AbortSignal: new AbortController().signal,
        'a subclass of URL': new (class extends URL {})('http://localhost/'),
        'private fields behind accessors': new Purse(),
        'a proxy of a Map': new Proxy(new Map([[1, 2]]), {}),
        'a borrowed prototype': Object.create(Map.prototype) as unknown,
      }
      for (const [what, value] of Object.entries(opaque)) {
        for (const payload of [value, { deep: [value] }, new Map([['key', value]])])
          expect(await rejection(bus.publish('t', payload)), what).to.be.instanceOf(InvalidPayloadError)
      }
      expect(String(await rejection(bus.publish('t', { deep: [opaque.URL] })))).to.contain('payload.deep[0]')
      class Order {
        id = 7
        get total(): number {
          return 1
        }
      }
      await bus.publish('t', { id: 7 })
      await bus.publish('t', new Order())
      await bus.publish('t', new Map([[1, 2]]))
      const [first, second, third] = payloads(await seen.first(3))
      expect([first, { ...(second as object) }, third]).to.deep.equal([
        { id: 7 },
        { id: 7 },
        new Map([[1, 2]]),
      ])
    })

    it('carries the named properties of an array', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const match = /(?<g>b)c/.exec('xabcx')
      const sparse = Object.assign(new Array<number>(5), { 3: 1, note: { sparse: true } })
      await bus.publish('t', match)
      await bus.publish('t', sparse)
      const [first, second] = payloads(await seen.first(2)) as [RegExpExecArray, typeof sparse]
      expect([...first]).to.deep.equal(['bc', 'b'])
      expect([first.index, first.input, { ...first.groups }]).to.deep.equal([2, 'xabcx', { g: 'b' }])
      expect(second).to.have.length(5)
      expect(Object.keys(second)).to.deep.equal(['3', 'note'])
      expect(second.note).to.deep.equal({ sparse: true })
    })

    it('stay whole when reading one publishes another', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^outer|^inner/))
      const published: Promise<void>[] = []
      const reentrant = (n: number, depth: number): object => ({
        before: { text: 'x'.repeat(n) },
        get trap() {
          const inner = depth === 0 ? [{ n }, new Set([n])] : reentrant(n + 1, depth - 1)
          published.push(bus.publish(`inner.${n}`, inner))
          return [n]
        },
        after: ['y'.repeat(n)],
      })
      for (let n = 0; n < 40; n++) {
        await bus.publish('plain', n)
        await bus.publish('outer', reentrant(n, n % 3), { headers: { n: String(n) } })
      }
      await Promise.all(published)
      await bus.publish('outer', 'last')
      await eventually(() => expect(seen.values.at(-1)?.payload).to.equal('last'))
      const outers = seen.values.filter(({ topic, payload }) => topic === 'outer' && payload !== 'last')
      expect(outers.map(({ headers }) => headers['n'])).to.deep.equal(
        Array.from({ length: 40 }, (_, n) => String(n)),
      )
      for (const { headers, payload } of outers) {
        const n = Number(headers['n'])
        expect((payload as { before: unknown }).before).to.deep.equal({ text: 'x'.repeat(n) })
        expect((payload as { after: unknown }).after).to.deep.equal(['y'.repeat(n)])
      }
      expect(seen.values.filter(({ topic }) => topic.startsWith('inner'))).to.have.length(published.length)
      expect(published.length).to.be.greaterThan(40)
    })

    it('refuses headers whose entries it would lose, or that it cannot read', async () => {
      const bus = at.bus()
      const revoked = Proxy.revocable({}, {})
      revoked.revoke()
      const throwing = Object.defineProperty({}, 'x', {
        enumerable: true,
        get: () => {
          throw new Error('no')
        },
      })
      for (const headers of [new Map([['a', 'b']]), new URLSearchParams('a=b'), revoked.proxy, throwing]) {
        const refused = await rejection(
          bus.publish('t', 1, { headers: headers as unknown as Record<string, string> }),
        )
        expect(refused).to.be.instanceOf(InvalidPayloadError)
      }
    })

    it('refuses half a surrogate pair in a topic, a header or a pattern, and carries it in a payload', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/./))
      for (const half of ['\ud83d', 'a\udc00b', 'x'.repeat(400) + '\ud83d']) {
        expect(await rejection(bus.publish(half))).to.be.instanceOf(InvalidTopicError)
        expect(await rejection(bus.publish('t', 1, { headers: { [half]: 'x' } }))).to.be.instanceOf(
          InvalidPayloadError,
        )
        expect(await rejection(bus.publish('t', 1, { headers: { x: half } }))).to.be.instanceOf(
          InvalidPayloadError,
        )
        expect(() => bus.topic(half)).to.throw(InvalidPatternError)
        expect(() => bus.topic(new RegExp(half))).to.throw(InvalidPatternError)
        expect(() => bus.topic('t', { name: half })).to.throw(InvalidOptionError)
        for (const [name, use] of Object.entries(namesOf(bus, half))) {
          const refusal = await Promise.resolve()
            .then(use)
            .then(
              () => 'was taken',
              (error: unknown) => error,
            )
          expect(refusal, name).to.be.instanceOf(InvalidOptionError)
        }
      }
      await bus.publish('😀', '\ud83d', { headers: { '😀': '😀' } })
      const [message] = await seen.first(1)
      expect([message?.topic, message?.payload, message?.headers['😀']]).to.deep.equal(['😀', '\ud83d', '😀'])
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
