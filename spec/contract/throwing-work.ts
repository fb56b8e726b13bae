import { expect } from 'chai'
import {
  defer,
  finalize,
  firstValueFrom,
  from,
  map,
  NEVER,
  Observable,
  Subject,
  take,
  takeUntil,
  type OperatorFunction,
} from 'rxjs'
import { handle, handleFirst, handleLatest, type Message } from '../../src/index.js'
import { collect, publishAll, reports, untilStatus } from '../support/messages.js'
import { unhandledIn } from '../support/unhandled.js'
import type { Connected } from './connected.js'

type Work = (message: Message<number>) => Observable<number>

const operators: Record<string, (work: Work) => OperatorFunction<Message<number>, number>> = {
  handle: work => handle(work),
  handleFirst: work => handleFirst(work),
  handleLatest: work => handleLatest(work),
}

const boom = (): never => {
  throw new Error('boom')
}
const later = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Work that ends by itself, and whose teardown then throws. */
const completing: Record<string, Work> = {
  'a promise': ({ payload }) => from(Promise.resolve(payload)).pipe(finalize(boom)),
  'an Observable behind operators': ({ payload }) =>
    defer(later).pipe(
      finalize(boom),
      map(() => payload),
      take(1),
    ),
  'an Observable made by hand': ({ payload }) =>
    new Observable(subscriber => {
      setImmediate(() => {
        subscriber.next(payload)
        subscriber.complete()
      })
      return boom
    }),
  'an Observable that ends at once': ({ payload }) =>
    new Observable(subscriber => {
      subscriber.next(payload)
      subscriber.complete()
      return boom
    }),
}

export function throwingWork(at: Connected): void {
  describe('work whose teardown throws', () => {
    const told = (topic: string) =>
      `MSGVAN_SUBSCRIBER The work on "${topic}" threw after its end: Error: boom`

    for (const [name, operator] of Object.entries(operators)) {
      for (const [kind, work] of Object.entries(completing)) {
        it(`is done, leaves its place, and is reported: ${name}, ${kind}`, async () => {
          const bus = at.bus()
          const reported = reports(bus)
          const unhandled = await unhandledIn(async () => {
            const seen = collect(bus.topic<number>('t', { name: 'w' }).pipe(operator(work)))
            await bus.ready()
            for (const n of [1, 2, 3]) {
              await bus.publish('t', n)
              await untilStatus(bus, 'w', { acked: n, failed: 0, inFlight: 0 })
            }
            expect(seen.values).to.deep.equal([1, 2, 3])
            await bus.close()
            expect(seen.completed).to.equal(true)
          })
          expect(unhandled).to.deep.equal([])
          expect(reported.values.map(({ code, message }) => `${code} ${message}`)).to.deep.equal(
            [1, 2, 3].map(() => told('t')),
          )
        })
      }

      it(`fails by its own error, and comes again: ${name}`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const unhandled = await unhandledIn(async () => {
          const work: Work = ({ payload, attempt }) =>
            defer(later).pipe(
              map(() => (attempt === 1 ? boom() : payload)),
              finalize(boom),
            )
          const seen = collect(bus.topic<number>('t', { name: 'w', delay: 0 }).pipe(operator(work)))
          await bus.ready()
          await bus.publish('t', 1)
          await untilStatus(bus, 'w', { acked: 1, failed: 1, inFlight: 0 })
          expect(seen.values).to.deep.equal([1])
          expect(seen.errors).to.deep.equal([])
        })
        expect(unhandled).to.deep.equal([])
        expect(reported.values).to.have.lengthOf(2)
      })

      it(`unsubscribes in silence, and gives its message back: ${name}`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const work: Work = () => NEVER.pipe(finalize(boom))
        const subscription = bus.topic<number>('t', { name: 'w' }).pipe(operator(work)).subscribe()
        await bus.ready()
        await bus.publish('t', 1)
        await untilStatus(bus, 'w', { inFlight: 1 })
        subscription.unsubscribe()
        await untilStatus(bus, 'w', { inFlight: 0, pending: 1, failed: 0 })
        expect(reported.values.map(({ message }) => message)).to.have.lengthOf(1)
      })

      it(`may be the last before the pipeline ends, whose teardown throws too: ${name}`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const unhandled = await unhandledIn(async () => {
          const work = new Subject<number>()
          const stop$ = new Subject<void>()
          const begun = new Subject<void>()
          const begins = firstValueFrom(begun)
          const begin = () => {
            begun.next()
            return work.pipe(finalize(boom))
          }
          const topic$ = bus.topic<number>('t').pipe(takeUntil(stop$))
          const seen = collect(topic$.pipe(operator(begin), finalize(boom)))
          await bus.ready()
          await bus.publish('t', 1)
          await begins
          stop$.next()
          work.complete()
          expect(seen.completed).to.equal(true)
        })
        expect(unhandled).to.deep.equal([])
        expect(reported.values.map(({ message }) => message)).to.have.members([
          'The work on "t" threw after its end: Error: boom',
          'A subscriber of "t" threw: Error: boom',
        ])
      })
    }

    it('is superseded, and the pipeline goes on', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const last = new Subject<number>()
      const work: Work = ({ payload }) => (payload < 3 ? NEVER.pipe(finalize(boom)) : last)
      const seen = collect(bus.topic<number>('t', { name: 'w' }).pipe(handleLatest(work)))
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { acked: 2, inFlight: 1 })
      last.next(3)
      last.complete()
      await untilStatus(bus, 'w', { acked: 3, inFlight: 0 })
      expect(seen.values).to.deep.equal([3])
      expect(seen.errors).to.deep.equal([])
      expect(reported.values.map(({ message }) => message)).to.have.lengthOf(2)
    })

    it('ends at once, with what a `take` further down wants', async () => {
      const bus = at.bus()
      const work: Work = () =>
        new Observable(subscriber => {
          for (let n = 0; !subscriber.closed; n += 1) subscriber.next(n)
          return boom
        })
      const reported = reports(bus)
      const seen = collect(bus.topic<number>('t', { name: 'w' }).pipe(handle(work), take(3)))
      await bus.ready()
      await bus.publish('t', 1)
      await seen.completion()
      expect(seen.values).to.deep.equal([0, 1, 2])
      await untilStatus(bus, 'w', { acked: 1, inFlight: 0 })
      expect(reported.values.map(({ message }) => message)).to.deep.equal([
        'The work on "t" threw after its end: Error: boom',
      ])
    })
  })
}
