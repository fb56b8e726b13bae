import { expect } from 'chai'
import {
  connect,
  groupBy,
  map,
  merge,
  mergeMap,
  retry,
  share,
  Subject,
  take,
  windowCount,
  type Observable,
  type OperatorFunction,
} from 'rxjs'
import { handle, handleFirst, handleLatest, publishTo, type Bus, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, publishAll, reports, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

const label = ({ payload, attempt }: Message): string => `${String(payload)}/${attempt}`
const soon = () => new Promise<void>(resolve => setImmediate(resolve))

type Work = OperatorFunction<Message, void>

/** A topic whose messages several operators get. */
const shared = (bus: Bus): Observable<Message<number>> =>
  bus.topic<number>('t', { name: 'w', delay: 0 }).pipe(share())

export function sharing(at: Connected): void {
  describe('several operators that settle the same message', () => {
    it('behind one share(): each gets each message, which is acked when all are done', async () => {
      const bus = at.bus()
      const s = shared(bus)
      const work = new Subject<never>()
      const billed: number[] = []
      const mailed: number[] = []
      s.pipe(handle(({ payload }) => void billed.push(payload))).subscribe()
      s.pipe(handle(({ payload }) => (mailed.push(payload), work), { concurrency: 10 })).subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(10))
      await eventually(() => expect(mailed).to.deep.equal(upTo(10)))
      expect(billed).to.deep.equal(upTo(10))
      await untilStatus(bus, 'w', { inFlight: 10, acked: 0 })
      work.complete()
      await untilStatus(bus, 'w', { inFlight: 0, acked: 10, failed: 0 })
    })

    for (const fails of ['first', 'second'] as const)
      it(`the ${fails} one fails: the message fails when both are done, and both get it again`, async () => {
        const bus = at.bus()
        const s = shared(bus)
        const work = new Subject<never>()
        const seen: { failing: string[]; working: string[] } = { failing: [], working: [] }
        const failing = handle((message: Message) => {
          seen.failing.push(label(message))
          if (message.attempt === 1) throw new Error('the first attempt')
        })
        const working = handle((message: Message) => {
          seen.working.push(label(message))
          return message.attempt === 1 ? work : undefined
        })
        for (const each of fails === 'first' ? [failing, working] : [working, failing])
          s.pipe(each).subscribe()
        await bus.ready()
        await bus.publish('t', 1)
        await untilStatus(bus, 'w', { inFlight: 1, failed: 0 })
        expect(seen).to.deep.equal({ failing: ['1/1'], working: ['1/1'] })
        work.complete()
        await untilStatus(bus, 'w', { inFlight: 0, acked: 1, failed: 1, pending: 0 })
        expect(seen).to.deep.equal({ failing: ['1/1', '1/2'], working: ['1/1', '1/2'] })
      })

    it('two failures count as one, and the dead letter has the first error', async () => {
      const bus = at.bus()
      const s = bus.topic('t', { name: 'w', attempts: 1 }).pipe(share())
      const work = new Subject<never>()
      s.pipe(handle(() => work)).subscribe()
      s.pipe(handle(() => Promise.reject(new Error('the sooner one')))).subscribe()
      await bus.ready()
      await bus.publish('t')
      await untilStatus(bus, 'w', { inFlight: 1 })
      await soon()
      work.error(new Error('the later one'))
      await untilStatus(bus, 'w', { failed: 1, deadLettered: 1, inFlight: 0 })
      const [letter] = await bus.deadLetters().list()
      expect(letter?.error).to.include('the sooner one')
    })

    it('publishTo and handle', async () => {
      const bus = at.bus()
      const s = shared(bus)
      const target = collect(bus.topic<number>('u'))
      const seen: string[] = []
      s.pipe(publishTo(bus, 'u')).subscribe()
      s.pipe(
        handle(async message => {
          await soon()
          seen.push(label(message))
          if (message.payload === 2 && message.attempt === 1) throw new Error('the first attempt')
        }),
      ).subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      await untilStatus(bus, 'w', { acked: 3, failed: 1, inFlight: 0, pending: 0 })
      expect([...seen].sort()).to.deep.equal(['1/1', '2/1', '2/2', '3/1'])
      expect(payloads(await target.first(4)).sort()).to.deep.equal([1, 2, 2, 3])
    })

    it('handleLatest, handleFirst and handle', async () => {
      const bus = at.bus()
      const s = shared(bus)
      const work = new Subject<never>()
      const seen: Record<string, number[]> = { latest: [], first: [], all: [] }
      const begin = (which: string) => (message: Message<number>) => {
        seen[which]?.push(message.payload)
        return which === 'all' ? undefined : work
      }
      s.pipe(handleLatest(begin('latest'))).subscribe()
      s.pipe(handleFirst(begin('first'))).subscribe()
      s.pipe(handle(begin('all'))).subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      // The first is in the work of handleFirst, the last in that of handleLatest.
      await untilStatus(bus, 'w', { acked: 1, inFlight: 2 })
      expect(seen).to.deep.equal({ latest: [1, 2, 3], first: [1], all: [1, 2, 3] })
      work.complete()
      await untilStatus(bus, 'w', { acked: 3, inFlight: 0, failed: 0 })
    })

    it('behind connect(), and twice at the same operator', async () => {
      const bus = at.bus()
      const seen: string[] = []
      const note = (which: string) =>
        handle(async (message: Message) => {
          await soon()
          seen.push(`${which} ${label(message)}`)
        })
      bus
        .topic('t', { name: 'w' })
        .pipe(connect(s => merge(s.pipe(note('a')), s.pipe(note('b')))))
        .subscribe()
      bus
        .topic('t', { name: 'x' })
        .pipe(
          mergeMap(message => [message, message]),
          note('x'),
        )
        .subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(2))
      await untilStatus(bus, 'w', { acked: 2, inFlight: 0 })
      await untilStatus(bus, 'x', { acked: 2, inFlight: 0 })
      const all = ['a 1/1', 'a 2/1', 'b 1/1', 'b 2/1', 'x 1/1', 'x 1/1', 'x 2/1', 'x 2/1']
      expect(seen.sort()).to.deep.equal(all)
    })

    const inside: Record<string, (work: Work) => (topic$: Observable<Message>) => Observable<unknown>> = {
      'a group of groupBy': work => topic$ =>
        topic$.pipe(
          groupBy(({ topic }) => topic),
          mergeMap(group => group.pipe(work)),
        ),
      'a window': work => topic$ =>
        topic$.pipe(
          windowCount(2),
          mergeMap(each => each.pipe(work)),
        ),
      'connect()': work => topic$ => topic$.pipe(connect(s => s.pipe(work))),
      'a Subject': work => topic$ => {
        const subject = new Subject<Message>()
        topic$.subscribe(subject)
        return subject.pipe(work)
      },
    }
    for (const [where, pipe] of Object.entries(inside))
      it(`handle in the pipe of ${where} settles as it does elsewhere`, async () => {
        const bus = at.bus()
        const seen: string[] = []
        const work = handle(async (message: Message) => {
          await soon()
          seen.push(label(message))
          if (message.payload === 2 && message.attempt === 1) throw new Error('the first attempt')
        })
        pipe(work)(bus.topic('t', { name: 'w', delay: 0 })).subscribe()
        await bus.ready()
        await publishAll(bus, 't', upTo(3))
        await untilStatus(bus, 'w', { acked: 3, failed: 1, inFlight: 0, pending: 0 })
        expect(seen.sort()).to.deep.equal(['1/1', '2/1', '2/2', '3/1'])
      })

    it('an error in one branch, and retry() there: the message fails when the other one is done', async () => {
      const bus = at.bus()
      const s = shared(bus)
      const work = new Subject<never>()
      const seen: string[] = []
      s.pipe(
        handle(message => Promise.resolve(message)),
        map(message => {
          seen.push(`retrying ${label(message)}`)
          if (message.attempt === 1) throw new Error('the first attempt')
        }),
        retry(),
      ).subscribe()
      s.pipe(
        handle(message => {
          seen.push(`working ${label(message)}`)
          return message.attempt === 1 ? work : undefined
        }),
      ).subscribe()
      await bus.ready()
      await bus.publish('t', 1)
      await eventually(() => expect(seen).to.have.length(2))
      await untilStatus(bus, 'w', { inFlight: 1, failed: 0 })
      work.complete()
      await untilStatus(bus, 'w', { acked: 1, failed: 1, inFlight: 0, pending: 0 })
      expect(seen.sort()).to.deep.equal(['retrying 1/1', 'retrying 1/2', 'working 1/1', 'working 1/2'])
    })

    it('a branch that leaves gives back what it had not begun: it comes again, and nothing is lost', async () => {
      const bus = at.bus()
      const s = shared(bus)
      const done: number[] = []
      const work = new Subject<number>()
      const leaving = collect(
        s.pipe(
          handle(() => work),
          take(1),
        ),
      )
      s.pipe(handle(({ payload }) => void done.push(payload))).subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      await untilStatus(bus, 'w', { inFlight: 3 })
      work.next(1)
      await leaving.completion()
      await untilStatus(bus, 'w', { acked: 3, failed: 0, inFlight: 0, pending: 0, redelivered: 2 })
      expect(done).to.deep.equal([1, 2, 3, 2, 3])
    })

    it('ackTimeout does not run for what one has done and another will do', async () => {
      const bus = at.bus()
      const s = bus.topic<number>('t', { name: 'w', ackTimeout: 250, attempts: 1 }).pipe(share())
      const work = new Subject<never>()
      const quick: number[] = []
      s.pipe(handle(({ payload }) => void quick.push(payload))).subscribe()
      s.pipe(handle(({ payload }) => (payload === 1 ? work : undefined))).subscribe()
      const clock = collect(
        bus.topic('c', { name: 'c', ack: 'manual', ackTimeout: 250, delay: 0, attempts: 3 }),
      )
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      await eventually(() => expect(quick).to.deep.equal(upTo(3)))
      await bus.publish('c')
      await clock.first(3) // two timeouts of the same length have passed
      work.complete()
      await untilStatus(bus, 'w', { acked: 3, failed: 0, deadLettered: 0 })
    })
  })

  describe('an operator that settles messages, given something else', () => {
    const operators = {
      handle: handle(() => 1),
      handleLatest: handleLatest(() => 1),
      handleFirst: handleFirst(() => 1),
    }
    for (const [name, operator] of Object.entries(operators))
      for (const [what, of] of [
        ['a payload', (message: Message) => message.payload],
        ['a copy', ({ id, payload }: Message) => ({ id, payload })],
        ['what has no prototype', () => Object.create(null) as unknown],
      ] as const)
        it(`${name}: ${what} is an error with a code, which fails the message`, async () => {
          const bus = at.bus()
          const reported = reports(bus)
          const seen = collect(
            bus.topic('t', { name: 'w', attempts: 1 }).pipe(
              map(message => of(message) as Message),
              operator,
            ),
          )
          await bus.ready()
          await bus.publish('t', 1)
          const error = await seen.failure()
          expect(error).to.include({ code: 'MSGVAN_INVALID_OPTION' })
          expect((error as Error).message).to.match(
            new RegExp(String.raw`^${name}\(\) takes the message itself.*before.*map`),
          )
          await untilStatus(bus, 'w', { failed: 1, deadLettered: 1 })
          expect(reported.values).to.deep.equal([])
        })
  })
}
