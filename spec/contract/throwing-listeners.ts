import { expect } from 'chai'
import {
  combineLatest,
  finalize,
  map,
  mergeWith,
  NEVER,
  of,
  retry,
  skip,
  take,
  throwError,
  timer,
  type Observable,
} from 'rxjs'
import type { Bus } from '../../src/index.js'
import { collect, reports, untilStatus } from '../support/messages.js'
import { unhandledIn } from '../support/unhandled.js'
import type { Connected } from './connected.js'

/** RxJS rethrows on a timer what nobody caught: by then that has happened, and failed this test. */
const timersHaveRun = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

/** What a bus tells besides messages, and what makes it tell something. */
const told: Record<string, (bus: Bus) => [source$: Observable<unknown>, make: () => Promise<void>]> = {
  state$: bus => [bus.state$, () => Promise.resolve()],
  hosts$: bus => [bus.hosts$, () => bus.ready()],
  'deadLetters()': bus => [
    bus.deadLetters(),
    async () => {
      bus.topic('t', { ack: 'manual' }).subscribe(message => message.reject('bad'))
      await bus.ready()
      await bus.publish('t')
    },
  ],
  'observe()': bus => [
    bus.observe('values'),
    async () => {
      bus.expose('values', () => of(1))
      await bus.ready()
    },
  ],
}

export function throwingListeners(at: Connected): void {
  describe('a subscriber that throws', () => {
    afterEach(timersHaveRun)
    const boom = (): never => {
      throw new Error('boom')
    }

    for (const [name, tell] of Object.entries(told)) {
      it(`is reported, and ends no process: ${name}`, async () => {
        const bus = at.bus()
        const [source$, make] = tell(bus)
        await bus.ready()
        const reported = reports(bus)
        if (name === 'observe()') await make()
        const others = collect(source$)
        source$.subscribe(boom)
        source$.pipe(map(boom)).subscribe()
        if (name !== 'observe()') await make()
        await others.first(1)
        const [error] = await reported.first(2)
        expect(error).to.include({ code: 'MSGVAN_SUBSCRIBER' })
        expect(error?.message).to.equal(`A subscriber of ${name} threw: Error: boom`)
      })
    }

    for (const [name, tell] of Object.entries(told)) {
      it(`is reported, and ends no process, if it throws later, in a promise: ${name}`, async () => {
        const bus = at.bus()
        const [source$, make] = tell(bus)
        await bus.ready()
        const reported = reports(bus)
        if (name === 'observe()') await make()
        // eslint-disable-next-line @typescript-eslint/no-misused-promises -- apps do it
        source$.subscribe(async () => boom())
        if (name !== 'observe()') await make()
        const [error] = await reported.first(1)
        expect(error).to.include({ code: 'MSGVAN_SUBSCRIBER' })
        expect(error?.message).to.equal(`The promise of a subscriber of ${name} was rejected: Error: boom`)
      })
    }

    it('does not get its own error on errors$, and the others do', async () => {
      const bus = at.bus()
      let calls = 0
      bus.errors$.subscribe(() => {
        calls += 1
        throw new Error('boom')
      })
      const reported = reports(bus)
      void bus.publish('')
      await reported.first(1)
      await timersHaveRun()
      expect(calls).to.equal(1)
      expect(reported.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_INVALID_TOPIC'])
    })

    const sources: Record<string, (bus: Bus) => Observable<unknown>> = {
      '"t"': bus => bus.topic('t'),
      '/^t/': bus => bus.topic(/^t/),
      state$: bus => bus.state$,
      hosts$: bus => bus.hosts$,
      'deadLetters()': bus => bus.deadLetters(),
      'observe()': bus => bus.observe('values'),
    }
    for (const [name, source] of Object.entries(sources)) {
      it(`in a teardown is reported, and close() closes everything: ${name}`, async () => {
        const bus = at.bus()
        bus.expose('values', () => of(1).pipe(mergeWith(NEVER)))
        await bus.ready()
        const reported = reports(bus)
        const first = source(bus).pipe(finalize(boom)).subscribe()
        const others = [source(bus), bus.topic('other'), bus.state$, bus.errors$].map(each$ => collect(each$))
        await bus.ready()
        const unhandled = await unhandledIn(() => bus.close())
        expect(first.closed).to.equal(true)
        expect(unhandled).to.deep.equal([])
        for (const other of others) expect(other.completed).to.equal(true)
        const texts = reported.values.map(({ code, message }) => `${code} ${message}`)
        expect(texts).to.deep.equal([`MSGVAN_SUBSCRIBER A subscriber of ${name} threw: Error: boom`])
      })

      it(`in a promise of its completion is reported, and ends no process: ${name}`, async () => {
        const bus = at.bus()
        bus.expose('values', () => timer(1))
        await bus.ready()
        const reported = reports(bus)
        const unhandled = await unhandledIn(async () => {
          const asyncEnd = { complete: async () => boom() }
          source(bus).pipe(take(1)).subscribe(asyncEnd)
          source(bus).subscribe(asyncEnd)
          await bus.ready()
          await bus.publish('t')
          await bus.close()
        })
        expect(unhandled).to.deep.equal([])
        for (const { message } of reported.values)
          expect(message).to.equal(`The promise of a subscriber of ${name} was rejected: Error: boom`)
      })
    }

    it('in a promise of its error handler is reported, and ends no process', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.expose('broken', () => throwError(() => new Error('broken')))
      await bus.ready()
      const unhandled = await unhandledIn(async () => {
        for (const source$ of [bus.topic('t').pipe(map(boom)), bus.observe('broken')]) {
          // eslint-disable-next-line @typescript-eslint/no-misused-promises -- apps do it
          source$.subscribe({ error: async () => boom() })
        }
        await bus.ready()
        await bus.publish('t')
        await reported.first(2)
      })
      expect(unhandled).to.deep.equal([])
      expect(reported.values.map(({ message }) => message)).to.have.members([
        'The promise of a subscriber of "t" was rejected: Error: boom',
        'The promise of a subscriber of observe() was rejected: Error: boom',
      ])
    })

    it('in its completion is reported by its topic', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.topic('t').pipe(take(1)).subscribe({ complete: boom })
      await bus.ready()
      await bus.publish('t')
      await reported.first(1)
      bus.topic('u').subscribe({ complete: boom })
      await bus.ready()
      await bus.close()
      expect(reported.values.map(({ message }) => message)).to.deep.equal([
        'A subscriber of "t" threw: Error: boom',
        'A subscriber of "u" threw: Error: boom',
      ])
    })

    it('in a teardown of state$ or an exposed observable ends no process', async () => {
      const bus = at.bus()
      await bus.ready()
      const reported = reports(bus)
      const unhandled = await unhandledIn(async () => {
        bus.state$.pipe(finalize(boom), skip(1), take(1)).subscribe()
        bus.expose('values', () => timer(1).pipe(finalize(boom)))
        await bus.ready()
        const seen = collect(bus.observe('values'))
        await seen.completion()
        await bus.close()
      })
      expect(unhandled).to.deep.equal([])
      expect(reported.values.map(({ message }) => message)).to.include(
        'The observable "values" threw when it was unsubscribed: Error: boom',
      )
    })

    it('an unhandled error of observe() is reported', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.expose('broken', () => throwError(() => new Error('broken')))
      await bus.ready()
      bus.observe('broken').subscribe()
      expect((await reported.first(1))[0]).to.include({ code: 'MSGVAN_SUBSCRIBER' })
    })

    it('where state$ and a topic meet, a message that is thrown on fails', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      let tries = 0
      combineLatest([bus.state$, bus.topic('t', { delay: 1 })]).subscribe(() => {
        if (++tries === 1) throw new Error('once')
      })
      await bus.ready()
      await bus.publish('t')
      await untilStatus(bus, 't', { failed: 1, acked: 1 })
      expect(reported.values).to.have.lengthOf(1)
    })

    it('state$ may be retried for long: its end is guarded once', async () => {
      const bus = at.bus()
      let tries = 0
      const seen = collect(
        bus.state$.pipe(
          map(state => {
            if (++tries < 200) throw new Error('again')
            return state
          }),
          retry(),
        ),
      )
      await seen.first(1)
      expect(tries).to.be.greaterThan(199)
    })
  })
}
