import { expect } from 'chai'
import { map, retry } from 'rxjs'
import { keepingRules } from '../../src/bus/contract/options.js'
import {
  InvalidOptionError,
  NameTakenError,
  OverflowError,
  type Message,
  type TopicOptions,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  rejection,
  statusOf,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

export function rulesOfAName(at: Connected): void {
  describe('the rules of a name', () => {
    /** Subscribes with these rules and leaves again, settling nothing. */
    const visit = async (rules: TopicOptions): Promise<void> => {
      const first = at
        .bus()
        .topic('t', { name: 'w', ack: 'manual', prefetch: 1, ...rules })
        .subscribe()
      await at.bus().ready()
      first.unsubscribe()
      await untilStatus(at.bus(), 'w', { consumers: 0 })
    }

    it('are those of the first consumer after a pause, with defaults for missing ones', async () => {
      const bus = at.bus()
      await visit({ attempts: 3, maxPending: 1, overflow: 'error' })
      await bus.publish('t', 1)
      expect(await rejection(bus.publish('t', 2))).to.be.instanceOf(OverflowError)
      await visit({ maxPending: 2, overflow: 'error' })
      await bus.publish('t', 2)
      expect(await rejection(bus.publish('t', 3))).to.be.instanceOf(OverflowError)
      await visit({})
      await publishAll(bus, 't', [3, 4, 5])
      await untilStatus(bus, 'w', { pending: 5, held: 0, pausing: false })
      bus.topic('t', { name: 'w', attempts: 1 }).subscribe(message => message.nack())
      await untilStatus(bus, 'w', { failed: 5, deadLettered: 5 })
    })

    it('refuse a consumer that asks for other ones while others are attached, and name them', async () => {
      const bus = at.bus()
      const first = collect(bus.topic('t', { name: 'w', attempts: 3, delay: [5, 10] }))
      await bus.ready()
      const others: [TopicOptions, RegExp][] = [
        [{ attempts: 5 }, /attempts 3.*attempts 5/],
        [{ delay: [5, 11] }, /delay \[5,10\].*delay \[5,11\]/],
        [{ delay: 5 }, /delay \[5,10\].*delay 5/],
        [{ ackTimeout: 100 }, /ackTimeout 0.*ackTimeout 100/],
        [{ maxPending: 5 }, /maxPending 100000.*maxPending 5/],
        [{ maxPendingBytes: 5 }, /maxPendingBytes 67108864.*maxPendingBytes 5/],
        [{ overflow: 'error' }, /overflow "pause".*overflow "error"/],
        [{ ordered: true, attempts: 3 }, /ordered false.*ordered true/],
      ]
      for (const [rules, text] of others) {
        const error = await collect(at.another().topic('t', { name: 'w', ...rules })).failure()
        expect(error, JSON.stringify(rules)).to.be.instanceOf(NameTakenError)
        expect((error as Error).message).to.match(text)
      }
      const same: TopicOptions[] = [
        {},
        { attempts: 3 },
        { delay: [5, 10], attempts: 3, maxPending: 100_000 },
        { delay: () => 7 },
        { prefetch: 1, ack: 'manual' },
      ]
      const joined = same.map(rules => collect(at.another().topic('t', { name: 'w', ...rules })))
      await untilStatus(bus, 'w', { consumers: 1 + same.length })
      for (const each of [first, ...joined]) expect(each.errors).to.deep.equal([])
    })

    it('change for all with `replace: true`', async () => {
      const bus = at.bus()
      const tries: number[] = []
      bus
        .topic('t', { name: 'w', attempts: 5, delay: 0 })
        .subscribe(message => (tries.push(message.attempt), message.nack()))
      await bus.ready()
      const second = collect(
        at.another().topic('t', { name: 'w', attempts: 2, delay: 0, replace: true, prefetch: 1 }),
      )
      await untilStatus(bus, 'w', { consumers: 2 })
      second.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 1 })
      await bus.publish('t', 1)
      await untilStatus(bus, 'w', { deadLettered: 1, failed: 2 })
      expect(tries).to.deep.equal([1, 2])
      expect(second.errors).to.deep.equal([])
      expect(thrown(() => bus.topic('t', { replace: true }))).to.be.instanceOf(InvalidOptionError)
    })

    it('reach attached consumers when they change: `ackTimeout`', async () => {
      const bus = at.bus()
      const held = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await bus.ready()
      const other = collect(at.another().topic('t', { name: 'w', ackTimeout: 40, delay: 0, replace: true }))
      await untilStatus(bus, 'w', { consumers: 2 })
      other.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 1 })
      await bus.publish('t', 1)
      const [, again] = await held.first(2)
      expect(again).to.include({ payload: 1, attempt: 2 })
    })

    it('hold for who joins without giving them: `delay`', async () => {
      const bus = at.bus()
      const first = collect(bus.topic('t', { name: 'w', ack: 'manual', prefetch: 1, delay: 0 }))
      await bus.ready()
      const seen: Message[] = []
      const second = at.another().topic('t', { name: 'w', ack: 'manual', prefetch: 1 })
      second.subscribe(message => seen.push(message))
      await untilStatus(bus, 'w', { consumers: 2 })
      first.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 1 })
      await publishAll(bus, 't', [1, 2])
      await eventually(() => expect(payloads(seen)).to.deep.equal([1]))
      seen[0]?.nack()
      await eventually(() => expect(payloads(seen)).to.deep.equal([1, 1]))
    })

    it('keep the failures of pending messages: fewer attempts count at the next failure', async () => {
      const bus = at.bus()
      const first = collect(bus.topic('t', { name: 'w', ack: 'manual', attempts: 5, delay: 0 }))
      await bus.publish('t', 1)
      ;(await first.first(1))[0]?.nack()
      ;(await first.first(2))[1]?.nack()
      await first.first(3)
      first.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0, pending: 1 })
      const attempts: number[] = []
      bus
        .topic('t', { name: 'w', attempts: 3, delay: 0 })
        .subscribe(message => (attempts.push(message.attempt), message.nack()))
      await untilStatus(bus, 'w', { deadLettered: 1, failed: 3 })
      expect(attempts).to.deep.equal([3])
    })

    it('release waiting publishers when they become wider', async () => {
      const bus = at.bus()
      await visit({ maxPending: 1 })
      await bus.publish('t', 1)
      const held = [2, 3, 4].map(n => bus.publish('t', n))
      await untilStatus(bus, 'w', { held: 3 })
      // One is with the visitor for a moment.
      await visit({ maxPending: 2 })
      await Promise.all([held[0], held[1]])
      await untilStatus(bus, 'w', { pending: 3, held: 1, pausing: true })
      await visit({ maxPending: 2, overflow: 'drop-oldest' })
      await Promise.all(held)
      await untilStatus(bus, 'w', { pending: 3, held: 0, dropped: 1, pausing: false })
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(3))).to.deep.equal([2, 3, 4])
    })

    it('hold for new messages when they become tighter: more may be pending already', async () => {
      const bus = at.bus()
      await visit({})
      await publishAll(bus, 't', upTo(5))
      await visit({ maxPending: 2, overflow: 'drop-newest' })
      await publishAll(bus, 't', [6, 7])
      await untilStatus(bus, 'w', { pending: 5, dropped: 2 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      expect(payloads(await seen.first(5))).to.deep.equal(upTo(5))
    })

    it('`ordered` begins when what is in flight is settled', async () => {
      const bus = at.bus()
      const first = collect(bus.topic('t', { name: 'w', ack: 'manual', delay: 0 }))
      await publishAll(bus, 't', [1, 2, 3])
      const open = await first.first(3)
      const second = collect(
        at.another().topic('t', { name: 'w', ack: 'manual', delay: 0, ordered: true, replace: true }),
      )
      await untilStatus(bus, 'w', { consumers: 2 })
      await publishAll(bus, 't', [4, 5])
      const all = () => [...first.values, ...second.values].map(({ payload }) => payload)
      await untilStatus(bus, 'w', { inFlight: 3, pending: 2 })
      open[2]?.ack()
      open[0]?.ack()
      await untilStatus(bus, 'w', { inFlight: 1, pending: 2, acked: 2 })
      expect(all()).to.deep.equal([1, 2, 3])
      open[1]?.ack()
      await untilStatus(bus, 'w', { inFlight: 1, pending: 1, acked: 3 })
      // The host counts a message when it sends it, a moment before the consumer has it.
      await eventually(() => {
        expect(all()).to.deep.equal([1, 2, 3, 4])
      })
    })

    it('hold for a `retry()` that comes back, whatever rules it gave at first', async () => {
      const bus = at.bus()
      const tries: number[] = []
      const errors: unknown[] = []
      bus
        .topic('t', { name: 'w', attempts: 2, delay: 0 })
        .pipe(
          map(({ attempt }) => {
            tries.push(attempt)
            throw new Error('no')
          }),
          retry(),
        )
        .subscribe({ error: error => errors.push(error) })
      await bus.ready()
      const other = collect(
        at
          .another()
          .topic('t', { name: 'w', ack: 'manual', prefetch: 1, attempts: 3, delay: 0, replace: true }),
      )
      await untilStatus(bus, 'w', { consumers: 2 })
      await publishAll(bus, 't', [1, 2])
      // The other one holds one of them, so that the next one is for this one alone.
      await untilStatus(bus, 'w', { deadLettered: 1 })
      expect(other.values).to.have.lengthOf(1)
      expect(tries.slice(-3)).to.deep.equal([1, 2, 3])
      expect(errors).to.deep.equal([])
    })

    it('stay for one who joins as it finds them, as the command line does', async () => {
      const bus = at.bus()
      await visit({ maxPending: 1, overflow: 'error' })
      const looking = collect(bus.topic('t', keepingRules({ name: 'w', ack: 'manual' })))
      await bus.ready()
      looking.unsubscribe()
      await untilStatus(bus, 'w', { consumers: 0 })
      await bus.publish('t', 1)
      expect(await rejection(bus.publish('t', 2))).to.be.instanceOf(OverflowError)
      expect((await statusOf(bus, 'w')).pending).to.equal(1)
    })
  })
}
