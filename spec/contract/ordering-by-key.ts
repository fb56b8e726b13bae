import { expect } from 'chai'
import { map, mergeMap, Observable, retry, Subject, timer } from 'rxjs'
import { handle, InvalidOptionError, NameTakenError, type Bus, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, register, rejection, thrown, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

/** Publishes `a1`, `a2`, `b1` … each with its letter as the key. */
async function publishKeyed(bus: Bus, topic: string, texts: readonly string[]): Promise<void> {
  await Promise.all(texts.map(text => bus.publish(topic, text, { key: text.slice(0, 1) })))
}

/** Work that takes a turn. */
const soon = (): Observable<void> => timer(0).pipe(map(() => undefined))

/** Works on each message until it is told to end, and records what runs together. */
class Workshop {
  readonly begun: string[] = []
  readonly overlaps: string[] = []
  readonly #open = new Map<string, Subject<void>>()

  readonly work = (message: Message<string>): Observable<void> =>
    new Observable(subscriber => {
      const key = message.payload.slice(0, 1)
      this.begun.push(`${message.payload}/${message.attempt}`)
      for (const other of this.#open.keys())
        if (other.startsWith(key)) this.overlaps.push(`${other} and ${message.payload}`)
      const end = new Subject<void>()
      this.#open.set(message.payload, end)
      end.subscribe(subscriber)
      return () => this.#open.delete(message.payload)
    })

  end(text: string): void {
    this.#open.get(text)?.complete()
  }

  fail(text: string): void {
    this.#open.get(text)?.error(new Error('not yet'))
  }

  async has(...begun: string[]): Promise<void> {
    await eventually(() => expect([...this.begun].sort()).to.deep.equal([...begun].sort()))
  }
}

export function orderingByKey(at: Connected): void {
  describe('order by key', () => {
    it('works on the messages of a key one after another, and on other keys meanwhile', async () => {
      const shop = new Workshop()
      for (const bus of [at.bus(), at.another()])
        bus
          .topic<string>('t', { name: 'w', ordered: 'key' })
          .pipe(handle(shop.work, { concurrency: 10 }))
          .subscribe()
      await Promise.all([at.bus().ready(), at.another().ready()])
      await publishKeyed(at.bus(), 't', ['a1', 'a2', 'b1', 'a3', 'b2', 'c1'])
      await shop.has('a1/1', 'b1/1', 'c1/1')
      shop.end('b1')
      await shop.has('a1/1', 'b1/1', 'c1/1', 'b2/1')
      shop.end('a1')
      await shop.has('a1/1', 'b1/1', 'c1/1', 'b2/1', 'a2/1')
      shop.end('a2')
      await shop.has('a1/1', 'b1/1', 'c1/1', 'b2/1', 'a2/1', 'a3/1')
      expect(shop.overlaps).to.deep.equal([])
    })

    it('a failure holds its key until the retry is settled, and no other key', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus.topic<string>('t', { name: 'w', ordered: 'key', ack: 'manual', delay: 60 }).subscribe(message => {
        seen.push(`${message.payload}/${message.attempt}`)
        if (message.payload !== 'a1') message.ack()
        else if (message.attempt === 1) message.nack()
        else if (message.attempt === 2) message.nack({ delay: 20 })
        else message.ack()
      })
      await bus.ready()
      await publishKeyed(bus, 't', ['a1', 'a2', 'b1', 'b2', 'a3'])
      await untilStatus(bus, 'w', { acked: 5, pending: 0 })
      expect(seen).to.deep.equal(['a1/1', 'b1/1', 'b2/1', 'a1/2', 'a1/3', 'a2/1', 'a3/1'])
    })

    it('a failure without a delay comes before the rest of its key', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus
        .topic<string>('t', { ordered: 'key', delay: 0 })
        .pipe(
          mergeMap(message => {
            seen.push(`${message.payload}/${message.attempt}`)
            if (message.payload.endsWith('1') && message.attempt < 3) throw new Error('at first')
            return soon()
          }),
          retry(),
        )
        .subscribe()
      await bus.ready()
      await publishKeyed(bus, 't', ['a1', 'a2', 'b1', 'b2'])
      await eventually(() => expect(seen).to.have.lengthOf(8))
      for (const key of ['a', 'b'])
        expect(seen.filter(each => each.startsWith(key))).to.deep.equal(
          ['1/1', '1/2', '1/3', '2/1'].map(each => key + each),
        )
    })

    it('the key goes on after a dead letter, and a letter that is replayed goes to its end', async () => {
      const bus = at.bus()
      const seen: string[] = []
      const held = new Subject<void>()
      let isMended = false
      bus
        .topic<string>('t', { name: 'w', ordered: 'key', attempts: 1, prefetch: 8 })
        .pipe(
          handle(
            ({ payload }) => {
              seen.push(payload)
              if (payload === 'a1' && !isMended) throw new Error('dead')
              return payload === 'a2' ? held : soon()
            },
            { concurrency: 8 },
          ),
        )
        .subscribe()
      await bus.ready()
      await publishKeyed(bus, 't', ['a1', 'a2', 'a3', 'b1'])
      await untilStatus(bus, 'w', { deadLettered: 1, acked: 1, inFlight: 1, pending: 1 })
      isMended = true
      expect(await bus.deadLetters().replay({ subscription: 'w' })).to.equal(1)
      held.complete()
      await untilStatus(bus, 'w', { acked: 4, pending: 0 })
      expect(seen.filter(each => each !== 'b1')).to.deep.equal(['a1', 'a2', 'a3', 'a1'])
    })

    it('reads the key of the publish, and gives it to the consumer', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { ordered: 'key' }))
      await bus.ready()
      await bus.publish('t', 1, { key: 'k', headers: { trace: '7f' } })
      await bus.publish({ topic: 't', payload: 2, key: 'ключ' })
      await bus.publish('t', 3)
      await bus.publish('t', 4, { headers: { partitionkey: 'own' } })
      const messages = await seen.first(4)
      expect(messages.map(({ key }) => key)).to.deep.equal(['k', 'ключ', undefined, 'own'])
      expect(messages[0]?.headers).to.deep.equal({ trace: '7f', partitionkey: 'k' })
    })

    it('takes a header, or a group of the pattern, as the key', async () => {
      const bus = at.bus()
      const orders = [
        [{ header: 'customer' }, 'by-header'],
        [{ group: 'shop' }, 'by-group'],
      ] as const
      for (const [ordered, name] of orders) {
        const shop = new Workshop()
        const topic = `orders.${name}`
        bus
          .topic<string>(new RegExp(`^${topic}\\.(?<shop>[a-z]+)$`), { name, ordered })
          .pipe(handle(shop.work, { concurrency: 10 }))
          .subscribe()
        await bus.ready()
        for (const text of ['a1', 'b1', 'a2']) {
          const key = text.slice(0, 1)
          await bus.publish(`${topic}.${key}`, text, { headers: { customer: key } })
        }
        await shop.has('a1/1', 'b1/1')
        shop.end('a1')
        await shop.has('a1/1', 'b1/1', 'a2/1')
        shop.end('a2')
        shop.end('b1')
        await untilStatus(bus, name, { acked: 3 })
      }
    })

    it('leaves messages without a key in no order', async () => {
      const bus = at.bus()
      const shop = new Workshop()
      bus
        .topic<string>(/^t/, { ordered: { header: 'constructor' } })
        .pipe(handle(shop.work, { concurrency: 10 }))
        .subscribe()
      await bus.ready()
      for (const text of ['1', '2', '3']) await bus.publish('t', text)
      await bus.publish('t', '4', { headers: { constructor: '' } })
      await shop.has('1/1', '2/1', '3/1', '4/1')
    })

    it('does not starve other keys, however many messages of a blocked one wait', async () => {
      const bus = at.bus()
      const shop = new Workshop()
      bus
        .topic<string>('t', { name: 'w', ordered: 'key', prefetch: 10 })
        .pipe(handle(message => (message.key === 'a' ? shop.work(message) : soon()), { concurrency: 4 }))
        .subscribe()
      await bus.ready()
      await publishKeyed(
        bus,
        't',
        upTo(10_000).map(n => `a${n}`),
      )
      await publishKeyed(
        bus,
        't',
        upTo(500).map(n => `b${n}`),
      )
      await untilStatus(bus, 'w', { acked: 500, inFlight: 1, pending: 9_999 })
      shop.end('a1')
      await shop.has('a1/1', 'a2/1')
    })

    it('keeps the order of a key when its consumer leaves', async () => {
      const bus = at.bus()
      const leaving = collect(
        bus.topic<string>('t', { name: 'w', ordered: 'key', ack: 'manual', prefetch: 10 }),
      )
      await bus.ready()
      await publishKeyed(bus, 't', ['a1', 'a2', 'b1', 'a3', 'b2'])
      await leaving.first(2)
      expect(payloads(leaving.values)).to.deep.equal(['a1', 'b1'])
      leaving.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0, pending: 5 })
      const seen = collect(bus.topic<string>('t', { name: 'w', ordered: 'key' }))
      const all = payloads(await seen.first(5)) as string[]
      for (const key of ['a', 'b'])
        expect(all.filter(each => each.startsWith(key))).to.deep.equal(
          [...all].filter(each => each.startsWith(key)).sort(),
        )
    })

    it('is among the rules of a name, and can be changed for all', async () => {
      const bus = at.bus()
      const first = bus.topic('t', { name: 'w', ordered: 'key', ack: 'manual' }).subscribe()
      await bus.ready()
      const refused = collect(at.another().topic('t', { name: 'w', ordered: { header: 'x' } }))
      const error = await refused.failure()
      expect(error).to.be.instanceOf(NameTakenError)
      expect(String(error)).to.match(/ordered "key".*ordered "header:x"/)
      await publishKeyed(bus, 't', ['a1', 'a2', 'a3'])
      await untilStatus(bus, 'w', { inFlight: 1, pending: 2 })
      const second = collect(
        at.another().topic('t', { name: 'w', ordered: false, replace: true, ack: 'manual' }),
      )
      await untilStatus(bus, 'w', { inFlight: 3, pending: 0 })
      second.unsubscribe()
      first.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0, pending: 3 })
      const seen = collect(bus.topic<string>('t', { name: 'w', ordered: 'key' }))
      expect(payloads(await seen.first(3))).to.deep.equal(['a1', 'a2', 'a3'])
    })

    it('begins with what waited', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishKeyed(bus, 't', ['a1', 'a2', 'b1'])
      const shop = new Workshop()
      bus
        .topic<string>('t', { name: 'w', ordered: 'key' })
        .pipe(handle(shop.work, { concurrency: 10 }))
        .subscribe()
      await shop.has('a1/1', 'b1/1')
      shop.end('a1')
      await shop.has('a1/1', 'b1/1', 'a2/1')
    })

    it('refuses wrong keys and wrong orders at once', async () => {
      const bus = at.bus()
      const keys: unknown[] = ['', 7, {}, Promise.resolve('a'), 'x'.repeat(1025), '€'.repeat(342), '\ud800']
      for (const key of keys)
        expect(await rejection(bus.publish('t', 1, { key } as never)), String(key)).to.be.instanceOf(
          InvalidOptionError,
        )
      for (const headers of [{ partitionkey: '' }, { partitionkey: 'b' }])
        expect(await rejection(bus.publish('t', 1, { key: 'a', headers }))).to.be.instanceOf(
          InvalidOptionError,
        )
      await bus.publish('t', 1, { key: '€'.repeat(341) })
      const orders: unknown[] = [
        ...['', 'keys', 'header:x', 1, [], {}, { header: '' }, { header: 7 }, { header: 'x'.repeat(201) }],
        ...[{ group: 'b' }, { group: '' }, { group: 'a', header: 'a' }, { key: 'a' }, new Map(), () => 'a'],
      ]
      for (const ordered of orders) {
        const error = thrown(() => bus.topic(/(?<a>.)|(b)/, { ordered } as never))
        expect(error, String(ordered)).to.be.instanceOf(InvalidOptionError)
        expect(String(error)).to.match(/ordered/)
      }
      expect(thrown(() => bus.topic('t', { ordered: { group: 'a' } }))).to.be.instanceOf(InvalidOptionError)
      await bus.publish('t', 1, { key: undefined } as never)
    })
  })
}
