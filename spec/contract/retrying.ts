import { expect } from 'chai'
import {
  catchError,
  concatMap,
  delay,
  EMPTY,
  map,
  Observable,
  of,
  retry,
  share,
  take,
  tap,
  throwError,
  Subject,
} from 'rxjs'
import type { Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, publishAll, register, reports, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

/** Throws at every message whose payload is listed, as often as it says. Notes what came. */
function troubled(log: string[], trouble: Record<number, number>) {
  return (message: Message<number>): number => {
    const { payload, attempt, redelivered } = message
    log.push(`${payload}/${attempt}${redelivered ? 'r' : ''}`)
    if (attempt <= (trouble[payload] ?? 0)) throw new Error(`trouble with ${payload}`)
    return payload
  }
}

export function retrying(at: Connected): void {
  describe('stock retry()', () => {
    it('gets the failed message first, then what it held beside it, flagged; only the failed one counts as redelivered', async () => {
      const bus = at.bus()
      const log: string[] = []
      const held: Message[] = []
      bus
        .topic<number>('t', { ack: 'manual' })
        .pipe(
          tap(message => held.push(message)),
          map(troubled(log, { 3: 1, 7: 1 })),
          retry(),
        )
        .subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(8))
      await eventually(() => expect(log).to.have.length(18))
      const again = ['3/2r', '1/1r', '2/1r', '4/1', '5/1', '6/1', '7/1']
      const last = ['7/2r', '1/1r', '2/1r', '3/2r', '4/1r', '5/1r', '6/1r', '8/1']
      // What was held is in the order of its publishing, but for what failed: that is first the first time.
      expect(log.slice(0, 10)).to.deep.equal(['1/1', '2/1', '3/1', ...again])
      expect(log.slice(10, 11)).to.deep.equal(['7/2r'])
      expect(log.slice(10).sort()).to.deep.equal(last.sort())
      for (const message of held) message.ack()
      await untilStatus(bus, 't', { acked: 8, failed: 2, delivered: 10, redelivered: 2, inFlight: 0 })
    })

    for (const name of [undefined, 'w']) {
      const kind = name === undefined ? 'an unnamed' : 'a named'
      const options = name === undefined ? {} : { name }

      it(`gets the failed message again first, on ${kind} subscription`, async () => {
        const bus = at.bus()
        const log: string[] = []
        const seen = collect(bus.topic<number>('t', options).pipe(map(troubled(log, { 2: 2 })), retry()))
        await bus.ready()
        await publishAll(bus, 't', upTo(5))
        expect(await seen.first(5)).to.deep.equal([1, 2, 3, 4, 5])
        expect(log).to.deep.equal(['1/1', '2/1', '2/2r', '2/3r', '3/1', '4/1', '5/1'])
        await untilStatus(bus, name ?? 't', {
          acked: 5,
          failed: 2,
          delivered: 7,
          redelivered: 2,
          pending: 0,
          inFlight: 0,
        })
      })

      it(`retry({ delay }) gets it first, too, and loses no later message, on ${kind} subscription`, async () => {
        const bus = at.bus()
        const log: string[] = []
        const seen = collect(
          bus.topic<number>('t', options).pipe(map(troubled(log, { 2: 1 })), retry({ delay: 20 })),
        )
        await bus.ready()
        await publishAll(bus, 't', [1, 2, 3])
        await untilStatus(bus, name ?? 't', { failed: 1 })
        await publishAll(bus, 't', [4, 5])
        expect(await seen.first(5)).to.deep.equal([1, 2, 3, 4, 5])
        expect(log).to.deep.equal(['1/1', '2/1', '2/2r', '3/1', '4/1', '5/1'])
      })

      it(`catchError((error, caught) => caught) gets it first, too, on ${kind} subscription`, async () => {
        const bus = at.bus()
        const log: string[] = []
        const again = catchError((_: unknown, caught: Observable<number>) => caught)
        const seen = collect(bus.topic<number>('t', options).pipe(map(troubled(log, { 1: 1, 3: 2 })), again))
        await bus.ready()
        await publishAll(bus, 't', upTo(4))
        expect(await seen.first(4)).to.deep.equal([1, 2, 3, 4])
        expect(log).to.deep.equal(['1/1', '1/2r', '2/1', '3/1', '3/2r', '3/3r', '4/1'])
      })

      it(`over a hand-made operator too, on ${kind} subscription`, async () => {
        const bus = at.bus()
        const log: string[] = []
        const byHand = (source: Observable<number>) =>
          new Observable<number>(subscriber => source.subscribe(subscriber))
        const seen = collect(
          bus.topic<number>('t', options).pipe(map(troubled(log, { 2: 1 })), byHand, retry()),
        )
        await bus.ready()
        await publishAll(bus, 't', [1, 2, 3])
        expect(await seen.first(3)).to.deep.equal([1, 2, 3])
        expect(log).to.deep.equal(['1/1', '2/1', '2/2r', '3/1'])
      })
    }

    it('an error after share() too', async () => {
      const bus = at.bus()
      const log: string[] = []
      const seen = collect(bus.topic<number>('t').pipe(share(), map(troubled(log, { 2: 1 })), retry()))
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      expect(await seen.first(3)).to.deep.equal([1, 2, 3])
      expect(log).to.deep.equal(['1/1', '2/1', '2/2r', '3/1'])
    })

    it('an error that comes later, from an inner stream, fails the one open message', async () => {
      const bus = at.bus()
      let tries = 0
      const work = (message: Message<number>) => {
        tries += 1
        const failing = message.attempt === 1
        return of(message).pipe(
          delay(5),
          tap(() => {
            if (failing) throw new Error('later')
          }),
          tap(each => each.ack()),
        )
      }
      const seen = collect(
        bus.topic<number>('t', { name: 'w', ack: 'manual', prefetch: 1 }).pipe(concatMap(work), retry()),
      )
      await publishAll(bus, 't', [1, 2])
      const messages = await seen.first(2)
      expect(messages.map(({ payload, attempt }) => [payload, attempt])).to.deep.equal([
        [1, 2],
        [2, 2],
      ])
      expect(tries).to.equal(4)
      await untilStatus(bus, 'w', { failed: 2, acked: 2, inFlight: 0 })
    })

    it('retry(2) gives up after the third time: the error goes on, once, and the message stays owed', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      const log: string[] = []
      const seen = collect(bus.topic<number>('t', { name: 'w' }).pipe(map(troubled(log, { 1: 9 })), retry(2)))
      expect(await seen.failure()).to.include({ message: 'trouble with 1' })
      expect(log).to.deep.equal(['1/1', '1/2r', '1/3r'])
      await untilStatus(bus, 'w', { failed: 3, pending: 2, inFlight: 0, consumers: 0 })
    })

    it('goes on with the next message when attempts are used up', async () => {
      const bus = at.bus()
      const log: string[] = []
      const options = { name: 'w', attempts: 2 }
      const seen = collect(bus.topic<number>('t', options).pipe(map(troubled(log, { 1: 9 })), retry()))
      await publishAll(bus, 't', [1, 2])
      expect(await seen.first(1)).to.deep.equal([2])
      expect(log).to.deep.equal(['1/1', '1/2r', '2/1'])
      await untilStatus(bus, 'w', { deadLettered: 1, acked: 1 })
    })

    it('reports nothing: the error was dealt with', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const seen = collect(bus.topic<number>('t').pipe(map(troubled([], { 1: 2 })), retry()))
      await bus.publish('t', 1)
      await seen.first(1)
      expect(reported.values).to.deep.equal([])
    })

    it('does not take a take(2) for a failure', async () => {
      const bus = at.bus()
      const log: string[] = []
      const seen = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(map(troubled(log, { 1: 1 })), retry(), take(2)),
      )
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      await seen.completion()
      expect(seen.values).to.deep.equal([1, 2])
      await untilStatus(bus, 'w', { acked: 2, failed: 1, pending: 1, inFlight: 0, consumers: 0 })
    })

    it('an error of another topic fails no message of this one', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('a', { name: 'a' }).pipe(
          concatMap(({ payload }) => (payload === 1 ? throwError(() => new Error('x')) : of(payload))),
          retry(),
        ),
      )
      const other = collect(bus.topic<number>('b', { name: 'b' }))
      await bus.publish('b', 1)
      await bus.publish('a', 2)
      await seen.first(1)
      await other.first(1)
      await untilStatus(bus, 'b', { acked: 1, failed: 0 })
    })

    it('ends when the bus closes while it waits', async () => {
      const bus = at.bus()
      const waited = new Subject<void>()
      const seen = collect(
        bus.topic<number>('t').pipe(map(troubled([], { 1: 9 })), retry({ delay: () => waited })),
      )
      await bus.publish('t', 1)
      await untilStatus(bus, 't', { failed: 1 })
      await bus.close()
      waited.next()
      await seen.completion()
      expect(seen.errors).to.deep.equal([])
    })

    it('lets go of the subscription when unsubscribed while it waits', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t').pipe(map(troubled([], { 1: 9 })), retry({ delay: 100_000 })),
      )
      await bus.publish('t', 1)
      await untilStatus(bus, 't', { failed: 1 })
      seen.unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('catchError with something else instead lets go of the subscription', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t').pipe(
          map(troubled([], { 1: 9 })),
          catchError(() => EMPTY),
        ),
      )
      await bus.publish('t', 1)
      await seen.completion()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })
  })
}
