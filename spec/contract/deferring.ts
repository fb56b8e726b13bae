import { expect } from 'chai'
import {
  bufferTime,
  catchError,
  concatMap,
  debounceTime,
  delay,
  exhaustMap,
  filter,
  map,
  merge,
  mergeMap,
  NEVER,
  of,
  retry,
  share,
  startWith,
  Subject,
  switchMap,
  take,
  takeUntil,
  timeout,
  timer,
  toArray,
  type Observable,
  type OperatorFunction,
} from 'rxjs'
import { handle, publishTo, type Bus, type Message, type MsgvanError } from '../../src/index.js'
import { collect, reports, untilStatus, type Collected } from '../support/messages.js'
import { eventually } from '../support/eventually.js'
import type { Connected } from './connected.js'

const DEFERS = 'MSGVAN_PIPELINE_DEFERS'
const codes = ({ values }: Collected<MsgvanError>): string[] => values.map(({ code }) => code)
const later = () => new Promise<void>(resolve => setTimeout(resolve, 1))
const fail = async (): Promise<never> => {
  await later()
  throw new Error('too late')
}

/** The habits that ack at once and lose on failure. */
const habits: Record<string, OperatorFunction<Message, unknown>> = {
  concatMap: concatMap(fail),
  mergeMap: mergeMap(fail),
  switchMap: switchMap(fail),
  exhaustMap: exhaustMap(fail),
  'delay and map': source$ =>
    source$.pipe(
      delay(1),
      map(() => {
        throw new Error('too late')
      }),
    ),
}

export function deferring(at: Connected): void {
  describe('a pipe that works later', () => {
    /** `ask` after the bus was used: what was reported, once a message of its own has come through. */
    const quiet = async (bus: Bus): Promise<void> => {
      await bus.publish('positive control')
      await later()
      await later()
    }

    for (const [habit, operator] of Object.entries(habits)) {
      it(`with ${habit} and retry() reports its loss on errors$, and names handle`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        bus.topic('t', { name: 'w' }).pipe(operator, retry()).subscribe()
        await bus.ready()
        await bus.publish('t')
        const [error] = await reported.first(1)
        expect(error?.code).to.equal(DEFERS)
        expect(error?.message).to.match(/"t"|t/)
        expect(error?.message).to.include('handle(')
        expect((error?.cause as Error).message).to.equal('too late')
        await quiet(bus)
        expect(codes(reported)).to.deep.equal([DEFERS])
      })
    }

    const mixed = mergeMap((message: Message) => (message.payload === 0 ? of('hit') : fail()))
    const mixes: Record<string, (topic$: Observable<Message>) => Observable<unknown>> = {
      'with retry()': topic$ => topic$.pipe(mixed, retry(3)),
      'with catchError()': topic$ =>
        topic$.pipe(
          mixed,
          catchError(() => of('lost')),
        ),
      'behind share()': topic$ => topic$.pipe(share(), mixed, retry(3)),
      'behind handle()': topic$ =>
        topic$.pipe(
          handle(message => of(message)),
          mixed,
          retry(3),
        ),
      'behind take()': topic$ => topic$.pipe(take(2), mixed, retry(3)),
    }
    for (const [how, pipe] of Object.entries(mixes)) {
      it(`is reported although another message reached its end at once, ${how}`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        pipe(bus.topic('t', { name: 'w' })).subscribe()
        await bus.ready()
        await bus.publish('t', 0)
        await bus.publish('t', 1)
        const [error] = await reported.first(1)
        expect(error?.message).to.equal(
          "A pipeline on t failed with no message in hand: Error: too late. Messages that were acked before do not come again. Put the work into handle(message => …) (handleLatest for switchMap, handleFirst for exhaustMap), or settle by `ack: 'manual'`.",
        )
        expect((error?.cause as Error).message).to.equal('too late')
        await quiet(bus)
        expect(codes(reported)).to.deep.equal([DEFERS])
      })
    }

    it('is reported once without retry()', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.topic('t').pipe(concatMap(fail)).subscribe()
      bus
        .topic('t')
        .pipe(concatMap(fail))
        .subscribe({ error: () => undefined })
      await bus.ready()
      await bus.publish('t')
      await reported.first(2)
      await quiet(bus)
      expect(codes(reported)).to.deep.equal([DEFERS, DEFERS])
    })

    it('is reported when its subscriber throws', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus
        .topic('t')
        .pipe(concatMap(later))
        .subscribe(() => {
          throw new Error('too late')
        })
      await bus.ready()
      await bus.publish('t')
      await reported.first(1)
      expect(codes(reported)).to.deep.equal([DEFERS])
    })

    it('loses nothing with handle, and reports nothing', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const seen = collect(
        bus.topic('t', { name: 'w', delay: 0 }).pipe(
          handle(async ({ attempt }) => {
            await later()
            if (attempt === 1) throw new Error('once')
            return attempt
          }),
          concatMap(async attempt => {
            await later()
            return attempt
          }),
        ),
      )
      await bus.publish('t')
      expect(await seen.first(1)).to.deep.equal([2])
      await untilStatus(bus, 'w', { acked: 1, failed: 1 })
      expect(codes(reported)).to.deep.equal([])
    })

    const topics: Record<string, () => string> = {
      throws: () => {
        throw new Error('no topic')
      },
      'gives no string': () => undefined as unknown as string,
      'gives a wrong topic': () => '',
    }
    for (const [what, topic] of Object.entries(topics)) {
      it(`is not publishTo with a function that ${what}: its message fails, and comes again`, async () => {
        const bus = at.bus()
        // publish() itself reports a topic that it refuses.
        const reported = collect(bus.errors$.pipe(filter(({ code }) => code !== 'MSGVAN_INVALID_TOPIC')))
        let tries = 0
        const topicOf = () => (++tries === 1 ? topic() : 'u')
        bus.topic('t', { name: 'w', delay: 0 }).pipe(publishTo(bus, topicOf), retry()).subscribe()
        await bus.ready()
        await bus.publish('t')
        await untilStatus(bus, 'w', { acked: 1, failed: 1, inFlight: 0 })
        expect(codes(reported)).to.deep.equal([])
        bus.topic('v').pipe(publishTo(bus, topic)).subscribe()
        await bus.ready()
        await bus.publish('v')
        const [error] = await reported.first(1)
        expect(error?.message).to.match(/^A subscriber of "v" threw: /)
        await quiet(bus)
        expect(codes(reported)).to.deep.equal(['MSGVAN_SUBSCRIBER'])
      })
    }

    it('is not a throw in a completion, behind handle or of a subject', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const complete = () => {
        throw new Error('at the end')
      }
      bus
        .topic('t', { name: 'w' })
        .pipe(handle(() => 1))
        .subscribe({ complete })
      bus.subject('t').subscribe({ complete })
      await bus.ready()
      await bus.publish('t')
      await untilStatus(bus, 'w', { acked: 1 })
      await bus.close()
      const told = 'A subscriber of "t" threw: Error: at the end'
      expect(reported.values.map(({ message }) => message)).to.deep.equal([told, told])
    })

    it('is not advised to use handle behind handle', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- apps do it
      bus.topic('t').pipe(handle(later)).subscribe(fail)
      await bus.ready()
      await bus.publish('t')
      const [error] = await reported.first(1)
      expect(error?.message).to.equal(
        'The promise of a subscriber of "t" was rejected: Error: too late. It settles no message: the operator before it does.',
      )
    })

    it('is not an error if it works later by its nature: debounceTime, startWith, takeUntil, bufferTime, timeout, merge, close()', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const stop$ = new Subject<void>()
      const all = [
        bus.topic('t').pipe(debounceTime(1)),
        bus.topic('t').pipe(startWith('first')),
        bus.topic('t').pipe(takeUntil(stop$)),
        bus.topic('t').pipe(takeUntil(stop$), toArray()),
        bus.topic('t').pipe(bufferTime(1)),
        merge(bus.topic('t'), timer(1, 1)),
        bus.topic('t').pipe(toArray()),
        bus.topic('t').pipe(switchMap(() => NEVER)),
      ].map(each$ => collect(each$ as never))
      const timedOut = collect(bus.topic('t').pipe(timeout(5)))
      await bus.ready()
      await bus.publish('t')
      expect(await timedOut.failure()).to.be.instanceOf(Error)
      await eventually(() => expect(all[0]?.values).to.have.length(1))
      stop$.next()
      for (const each of all) each.unsubscribe()
      await bus.close()
      expect(codes(reported)).to.deep.equal([])
    })
  })
}
