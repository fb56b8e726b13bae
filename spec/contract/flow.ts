import { expect } from 'chai'
import { OverflowError, SlowSubscriptionError, type DeadLetter, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  reports,
  statusOf,
  untilStatus,
  upTo,
} from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function flow(at: Connected): void {
  describe('prefetch', () => {
    for (const prefetch of [1, 3]) {
      it(`${prefetch}: never more unsettled than that`, async () => {
        const bus = at.bus()
        const open: Message[] = []
        let most = 0
        let done = 0
        bus.topic('t', { name: 'w', ack: 'manual', prefetch }).subscribe(message => {
          open.push(message)
          most = Math.max(most, open.length)
          setImmediate(() => {
            open.splice(open.indexOf(message), 1)
            done += 1
            message.ack()
          })
        })
        await publishAll(bus, 't', upTo(40))
        await untilStatus(bus, 'w', { acked: 40 })
        expect(most).to.be.at.most(prefetch)
        expect(done).to.equal(40)
      })
    }

    it('a message that waits for its retry holds no credit', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t', { name: 'w', ack: 'manual', prefetch: 1, delay: 1_000_000 }),
      )
      await publishAll(bus, 't', [1, 2])
      ;(await seen.first(1))[0]?.nack()
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
      await untilStatus(bus, 'w', { inFlight: 1, pending: 1 })
    })

    for (const name of [undefined, 'w']) {
      const kind = name === undefined ? 'without a name' : 'with a name'
      itWith(
        at,
        'copies',
        `what failed and is due at once comes again beyond the credit in bytes, ${kind}`,
        async () => {
          const bus = at.bus()
          const large = Buffer.alloc(6 * 1024 * 1024)
          const seen = collect(
            bus.topic<{ n: number }>('t', { ack: 'manual', ...(name === undefined ? {} : { name }) }),
          )
          await bus.ready()
          await publishAll(bus, 't', [{ n: 1 }, ...[2, 3, 4].map(n => ({ n, large })), { n: 5 }])
          const [small, ...others] = await seen.first(4)
          await untilStatus(bus, name ?? 't', { delivered: 4, inFlight: 4, pending: 1 })
          small?.nack({ delay: 0 })
          const again = (await seen.first(5))[4]
          expect([again?.payload.n, again?.attempt]).to.deep.equal([1, 2])
          await untilStatus(bus, name ?? 't', { delivered: 5, inFlight: 4, pending: 1 })
          others[0]?.ack()
          expect((await seen.first(6))[5]?.payload.n).to.equal(5)
        },
      )
    }

    it('a slow subscriber does not slow the others', async () => {
      const bus = at.bus()
      collect(bus.topic('t', { name: 'slow', ack: 'manual', prefetch: 1 }))
      const quick = collect(bus.topic('t'))
      await publishAll(bus, 't', upTo(100))
      expect(payloads(await quick.first(100))).to.deep.equal(upTo(100))
      await untilStatus(bus, 'slow', { inFlight: 1, pending: 99 })
    })
  })

  describe('maxPending', () => {
    /** Registers a name with these rules and nobody attached. */
    const setUp = async (rules: {
      maxPending: number
      overflow?: 'pause' | 'drop-oldest' | 'drop-newest' | 'error'
    }) => {
      const first = at
        .bus()
        .topic('t', { name: 'w', ...rules })
        .subscribe()
      await at.bus().ready()
      first.unsubscribe()
      await untilStatus(at.bus(), 'w', { consumers: 0 })
    }

    it("overflow 'pause' holds the publisher's promise until there is room, and loses nothing", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 3 })
      const resolved: number[] = []
      const calls = upTo(6).map(n => bus.publish('t', n).then(() => resolved.push(n)))
      await eventually(() => expect(resolved).to.deep.equal([1, 2, 3]))
      await untilStatus(bus, 'w', { pending: 3, held: 3, pausing: true })
      await bus.publish('other', 'goes on')
      expect(resolved).to.deep.equal([1, 2, 3])
      const seen = collect(bus.topic('t', { name: 'w' }))
      await Promise.all(calls)
      expect(payloads(await seen.first(6))).to.deep.equal(upTo(6))
      await untilStatus(bus, 'w', { pausing: false, held: 0, acked: 6, dropped: 0 })
    })

    it("overflow 'pause' delays no message: all other subscribers get it at once, and all later ones", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 3 })
      const slow = collect(bus.topic('t', { ack: 'manual', prefetch: 1, maxPending: 2 }))
      const plain = collect(bus.topic('t'))
      await register(bus, 'named', /t/)
      let resolved = 0
      // The first ones one by one, the rest in one go.
      const calls = [bus.publish('t', 1), bus.publish('t', 2), bus.publish('t', 3)]
      await Promise.all(calls)
      for (const n of [4, 5, 6]) {
        void bus.publish('t', n).then(() => (resolved += 1))
        expect(payloads(await plain.first(n))).to.deep.equal(upTo(n))
      }
      const rest = upTo(30).slice(6)
      const later = rest.map(n => bus.publish('t', n).then(() => (resolved += 1)))
      expect(payloads(await plain.first(30))).to.deep.equal(upTo(30))
      await untilStatus(bus, 'named', { pending: 30, held: 0, pausing: false })
      await untilStatus(bus, 'w', { pending: 3, held: 27, pausing: true })
      expect(payloads(slow.values)).to.deep.equal([1])
      expect(resolved).to.equal(0)
      slow.unsubscribe()
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(30))).to.deep.equal(upTo(30))
      await Promise.all(later)
      expect(resolved).to.equal(27)
    })

    it("a full 'error' subscription refuses a message for all, before any subscription of its host gets it", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 1, overflow: 'error' })
      const paused = collect(bus.topic('t', { ack: 'manual', prefetch: 1, maxPending: 1 }))
      const plain = collect(bus.topic(/^[tu]$/))
      await bus.ready()
      await bus.publish('t', 1)
      expect(await rejection(bus.publish('t', 2))).to.be.instanceOf(OverflowError)
      await bus.publish('u', 'marker')
      // A name is kept at one host of the van; the subscriptions of others have got it by the time that it refuses.
      const isElsewhere = (at.kind.hosts ?? 1) > 1
      const seen = isElsewhere ? [1, 2, 'marker'] : [1, 'marker']
      expect(payloads(await plain.first(seen.length))).to.deep.equal(seen)
      expect(payloads(paused.values)).to.deep.equal([1])
    })

    it('a full subscription without a consumer is reported once to its waiting publishers', async () => {
      const bus = at.bus()
      const told = reports(bus)
      await setUp({ maxPending: 1 })
      await bus.publish('t', 1)
      const held = [2, 3, 4].map(n => bus.publish('t', n))
      const [error] = await told.first(1)
      expect(error).to.be.instanceOf(SlowSubscriptionError)
      expect(error?.message).to.include('"w"')
      await untilStatus(bus, 'w', { held: 3, pausing: true, consumers: 0 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      await Promise.all(held)
      expect(payloads(await seen.first(4))).to.deep.equal(upTo(4))
      expect(told.values).to.have.lengthOf(1)
    })

    it('waiting publishers get an error when the last consumer leaves, and not before', async () => {
      const bus = at.bus()
      const told = reports(bus)
      const slow = collect(bus.topic('t', { name: 'w', ack: 'manual', prefetch: 1, maxPending: 1 }))
      await publishAll(bus, 't', [1, 2])
      const held = bus.publish('t', 3)
      await untilStatus(bus, 'w', { held: 1, inFlight: 1 })
      expect(told.values).to.have.lengthOf(0)
      slow.unsubscribe()
      expect((await told.first(1))[0]).to.be.instanceOf(SlowSubscriptionError)
      await bus.unsubscribe('w')
      await held
    })

    itWith(
      at,
      'copies',
      'maxPendingBytes holds as maxPending does, and lets in one of any size',
      async () => {
        const bus = at.bus()
        const slow = collect(
          bus.topic('t', { name: 'w', ack: 'manual', prefetch: 1, maxPendingBytes: 2_000 }),
        )
        const plain = collect(bus.topic('t'))
        let resolved = 0
        const calls = upTo(5).map(() => bus.publish('t', new Uint8Array(1_500)).then(() => (resolved += 1)))
        await plain.first(5)
        // One in hand; the second one waits, and the third one over the limit.
        await untilStatus(bus, 'w', { inFlight: 1, pending: 2, held: 2, pausing: true })
        expect((await statusOf(bus, 'w')).pendingBytes).to.be.within(3_000, 3_100)
        await eventually(() => expect(resolved).to.equal(3))
        for (const n of upTo(5)) (await slow.first(n))[n - 1]?.ack()
        await Promise.all(calls)
        await untilStatus(bus, 'w', { acked: 5, pending: 0, pendingBytes: 0, held: 0, pausing: false })
        await bus.publish('t', new Uint8Array(10_000))
        await untilStatus(bus, 'w', { inFlight: 1, pausing: false })
      },
    )

    itWith(at, 'copies', 'maxPendingBytes drops as its overflow rule says', async () => {
      const bus = at.bus()
      const first = bus.topic('t', { name: 'w', maxPendingBytes: 3_000, overflow: 'drop-oldest' }).subscribe()
      await bus.ready()
      first.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0 })
      for (const n of upTo(6)) await bus.publish('t', { n, ballast: new Uint8Array(990) })
      await untilStatus(bus, 'w', { pending: 3, dropped: 3 })
      const seen = collect(bus.topic<{ n: number }>('t', { name: 'w' }))
      expect((await seen.first(3)).map(({ payload }) => payload.n)).to.deep.equal([4, 5, 6])
    })

    it("overflow 'pause' lets through only as many as there is room for", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 2 })
      const resolved: number[] = []
      const calls = upTo(10).map(n => bus.publish('t', n).then(() => resolved.push(n)))
      await eventually(() => expect(resolved).to.deep.equal([1, 2]))
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', prefetch: 1, maxPending: 2 }))
      for (const taken of upTo(10)) {
        const message = (await seen.first(taken))[taken - 1]
        await eventually(() => expect(resolved).to.have.lengthOf(Math.min(10, taken + 2)))
        const { pending } = await statusOf(bus, 'w')
        expect(pending).to.be.at.most(2)
        message?.ack()
      }
      await Promise.all(calls)
      expect(payloads(seen.values)).to.deep.equal(upTo(10))
      expect(resolved).to.deep.equal(upTo(10))
    })

    it("overflow 'pause' ends when the subscription that paused is removed", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 1 })
      const calls = upTo(3).map(n => bus.publish('t', n))
      await calls[0]
      await untilStatus(bus, 'w', { pausing: true })
      expect(await bus.unsubscribe('w')).to.equal(true)
      await Promise.all(calls)
    })

    it("overflow 'drop-oldest' keeps the newest, and counts", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 3, overflow: 'drop-oldest' })
      await publishAll(bus, 't', upTo(10))
      await untilStatus(bus, 'w', { pending: 3, dropped: 7 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(3))).to.deep.equal([8, 9, 10])
      expect((await bus.status()).counters.dropped).to.equal(7)
    })

    it("overflow 'drop-newest' keeps the oldest, and counts", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 3, overflow: 'drop-newest' })
      await publishAll(bus, 't', upTo(10))
      await untilStatus(bus, 'w', { pending: 3, dropped: 7 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    })

    it("overflow 'error' rejects the publish, and goes on when there is room", async () => {
      const bus = at.bus()
      await setUp({ maxPending: 2, overflow: 'error' })
      await publishAll(bus, 't', [1, 2])
      expect(await rejection(bus.publish('t', 3))).to.be.instanceOf(OverflowError)
      await untilStatus(bus, 'w', { pending: 2, dropped: 0 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      await seen.first(2)
      await untilStatus(bus, 'w', { acked: 2 })
      await bus.publish('t', 4)
      expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 4])
    })

    it('publishes from inside a handler keep to it, too', async () => {
      const bus = at.bus()
      const first = bus.topic('u', { name: 'w', maxPending: 3 }).subscribe()
      await bus.ready()
      first.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0 })
      let resolved = 0
      const published: Promise<void>[] = []
      bus.topic('t').subscribe(() => {
        for (const n of upTo(9)) published.push(bus.publish('u', n).then(() => void (resolved += 1)))
      })
      await bus.publish('t')
      await eventually(() => expect(resolved).to.equal(3))
      await untilStatus(bus, 'w', { pending: 3, pausing: true })
      const seen = collect(bus.topic('u', { name: 'w' }))
      expect(payloads(await seen.first(9))).to.deep.equal(upTo(9))
      await Promise.all(published)
    })

    for (const [overflow, kept] of [
      ['drop-newest', [1, 2, 3]],
      ['drop-oldest', [7, 8, 9]],
    ] as const) {
      it(`publishes from inside a handler drop as others do: '${overflow}'`, async () => {
        const bus = at.bus()
        const first = bus.topic('u', { name: 'w', maxPending: 3, overflow }).subscribe()
        await bus.ready()
        first.unsubscribe()
        await untilStatus(bus, 'w', { consumers: 0 })
        const published: Promise<void>[] = []
        bus.topic('t').subscribe(() => {
          for (const n of upTo(9)) published.push(bus.publish('u', n))
        })
        await bus.publish('t')
        await untilStatus(bus, 'w', { pending: 3, dropped: 6 })
        await Promise.all(published)
        const seen = collect(bus.topic('u', { name: 'w' }))
        expect(payloads(await seen.first(3))).to.deep.equal(kept)
      })
    }

    for (const overflow of ['pause', 'error', 'drop-oldest', 'drop-newest'] as const) {
      it(`holds for $dead/… too, '${overflow}': notices are dropped, and the letters stay`, async () => {
        const bus = at.bus()
        const rules = { name: 'letters', maxPending: 3, overflow }
        const first = bus.topic('$dead/w', rules).subscribe()
        await bus.ready()
        first.unsubscribe()
        await untilStatus(bus, 'letters', { consumers: 0 })
        bus.topic('t', { name: 'w', ack: 'manual' }).subscribe(message => message.reject('no'))
        await bus.ready()
        await publishAll(bus, 't', upTo(20))
        await untilStatus(bus, 'w', { deadLettered: 20 })
        await untilStatus(bus, 'letters', { pending: 3, held: 0, dropped: 17, pausing: false })
        const seen = collect(bus.topic<DeadLetter>('$dead/w', { ...rules }))
        const kept = overflow === 'drop-newest' ? [1, 2, 3] : [18, 19, 20]
        expect((await seen.first(3)).map(({ payload }) => payload.payload)).to.deep.equal(kept)
        expect(await bus.deadLetters().list()).to.have.lengthOf(20)
      })
    }

    it('a failed message counts as pending while it waits for its retry', async () => {
      const bus = at.bus()
      const options = { name: 'w', maxPending: 2, overflow: 'error', delay: 1_000_000 } as const
      bus.topic('t', options).subscribe(message => message.nack())
      await publishAll(bus, 't', [1])
      await untilStatus(bus, 'w', { failed: 1, pending: 1 })
      await publishAll(bus, 't', [2])
      await untilStatus(bus, 'w', { failed: 2, pending: 2 })
      expect(await rejection(bus.publish('t', 3))).to.be.instanceOf(OverflowError)
    })

    it('a pause of one topic holds back no other', async () => {
      const bus = at.bus()
      await setUp({ maxPending: 1 })
      await bus.publish('t', 1)
      const held = bus.publish('t', 2)
      const other = collect(bus.topic('u'))
      await publishAll(bus, 'u', [1, 2])
      expect(payloads(await other.first(2))).to.deep.equal([1, 2])
      await register(bus, 'x', 'x')
      await bus.unsubscribe('w')
      await held
    })
  })
}
