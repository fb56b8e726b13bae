/* eslint-disable @typescript-eslint/no-deprecated -- retryWhen: old code has it */
import { expect } from 'chai'
import {
  combineLatest,
  concat,
  concatMap,
  defer,
  exhaustMap,
  forkJoin,
  from,
  groupBy,
  iif,
  map,
  merge,
  mergeMap,
  mergeWith,
  NEVER,
  Observable,
  of,
  onErrorResumeNext,
  partition,
  race,
  range,
  repeat,
  retry,
  retryWhen,
  share,
  startWith,
  switchMap,
  take,
  tap,
  timer,
  using,
  zip,
} from 'rxjs'
import type { Bus, Message, TopicOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, publishAll, register, reports, statusOf, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

type Topic = () => Observable<Message<number>>
/** @param topic gives one topic, always the same, and `fresh` a new one that asks for the same */
type Shape = (topic: Topic, fresh: Topic, other: Topic) => Observable<unknown>

const shapes: Record<string, Shape> = {
  'the topic itself': t => t(),
  merge: (t, _, u) => merge(t(), u()),
  mergeWith: (t, _, u) => t().pipe(mergeWith(u())),
  'merge of merges': (t, _, u) => merge(merge(t(), NEVER), merge(u())),
  concat: (t, _, u) => concat(t(), u()),
  defer: t => defer(t),
  'defer of a new one each time': (_, t) => defer(t),
  race: t => race(t(), NEVER),
  iif: (t, _, u) => iif(() => true, t(), u()),
  using: t => using(() => ({ unsubscribe: () => undefined }), t),
  zip: t => zip(t(), range(0, 1_000)).pipe(map(([message]) => message)),
  combineLatest: t => combineLatest([t(), of(1)]).pipe(map(([message]) => message)),
  'combineLatest by name': t =>
    combineLatest({ message: t(), other: of(1) }).pipe(map(({ message }) => message)),
  onErrorResumeNext: t => onErrorResumeNext(t(), NEVER),
  partition: t => merge(...partition(t(), () => true).slice(0, 1)),
  'inner switchMap': (_, t) => of(1).pipe(switchMap(t)),
  'inner mergeMap': (_, t) => of(1).pipe(mergeMap(t)),
  'inner concatMap': (_, t) => of(1).pipe(concatMap(t)),
  'inner exhaustMap': (_, t) => of(1).pipe(exhaustMap(t)),
  groupBy: t =>
    merge(t()).pipe(
      groupBy(message => message.topic),
      mergeMap(group$ => group$),
    ),
  'new Observable': t => new Observable(subscriber => t().subscribe(subscriber)),
  from: t => from(merge(from(t()), from(NEVER))),
}

interface Case {
  readonly bus: Bus
  readonly shaped$: Observable<Message<number>>
  /** Of the subscription. */
  readonly key: string
}

/** RxJS rethrows on a timer what nobody caught: by then that has happened, and failed this test. */
const timersHaveRun = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

export function creationFunctions(at: Connected): void {
  const open = (shape: Shape, named: boolean, options: TopicOptions<number> = {}): Case => {
    const bus = at.bus()
    const fresh: Topic = () => bus.topic<number>('t', named ? { ...options, name: 'w' } : options)
    const topic$ = fresh()
    const other$ = bus.topic<number>('u')
    const shaped$ = shape(() => topic$, fresh, () => other$) // prettier-ignore
    return { bus, shaped$: shaped$ as Observable<Message<number>>, key: named ? 'w' : 't' }
  }
  const throwsOnce = () => {
    let tries = 0
    return {
      tries: () => tries,
      at: (message: Message<number>): string => {
        const { payload, attempt, redelivered } = message
        tries += 1
        if (payload === 2 && attempt === 1) throw new Error('once')
        return `${payload}/${attempt}${redelivered ? 'r' : ''}`
      },
    }
  }

  for (const [name, shape] of Object.entries(shapes)) {
    for (const named of [false, true]) {
      describe(`${name}, ${named ? 'a named' : 'an unnamed'} subscription`, () => {
        afterEach(timersHaveRun)

        it('a throw in map fails the message in hand, and retry() gets it again first', async () => {
          const { bus, shaped$, key } = open(shape, named)
          const reported = reports(bus)
          const once = throwsOnce()
          const seen = collect(shaped$.pipe(map(once.at), retry()))
          await bus.ready()
          await publishAll(bus, 't', upTo(4))
          expect(await seen.first(4)).to.deep.equal(['1/1', '2/2r', '3/1', '4/1'])
          expect(once.tries()).to.equal(5)
          await untilStatus(bus, key, { acked: 4, failed: 1, delivered: 5, pending: 0, inFlight: 0 })
          expect(reported.values).to.deep.equal([])
          seen.unsubscribe()
        })

        it('retry({ delay }) gets it first, too, and nothing is lost meanwhile', async () => {
          const { bus, shaped$, key } = open(shape, named)
          const seen = collect(shaped$.pipe(map(throwsOnce().at), retry({ delay: 20 })))
          await bus.ready()
          await publishAll(bus, 't', upTo(3))
          await untilStatus(bus, key, { failed: 1 })
          await publishAll(bus, 't', [4])
          expect(await seen.first(4)).to.deep.equal(['1/1', '2/2r', '3/1', '4/1'])
          await untilStatus(bus, key, { acked: 4, failed: 1, pending: 0, inFlight: 0 })
          seen.unsubscribe()
        })

        it('a throw in the last next fails the message, is reported, and ends nothing', async () => {
          const { bus, shaped$, key } = open(shape, named, { delay: 1 })
          const reported = reports(bus)
          const once = throwsOnce()
          const seen: string[] = []
          shaped$.subscribe(message => seen.push(once.at(message)))
          await bus.ready()
          await publishAll(bus, 't', upTo(3))
          await untilStatus(bus, key, { acked: 3, failed: 1, delivered: 4, pending: 0, inFlight: 0 })
          expect(seen).to.have.members(['1/1', '2/2r', '3/1'])
          expect(reported.values.map(error => error.code)).to.deep.equal(['MSGVAN_SUBSCRIBER'])
        })

        it('an unhandled error is reported, and the message is still owed', async () => {
          const { bus, shaped$ } = open(shape, named)
          if (named) await register(bus, 'w', 't')
          const reported = reports(bus)
          shaped$.pipe(map(throwsOnce().at)).subscribe()
          await bus.ready()
          await publishAll(bus, 't', upTo(3))
          await reported.first(1)
          if (named)
            await untilStatus(bus, 'w', { acked: 1, failed: 1, pending: 2, inFlight: 0, consumers: 0 })
          else
            expect((await bus.status()).subscriptions.filter(each => each.pattern === 't')).to.deep.equal([])
        })

        it('close() while subscribed ends it, and no error comes', async () => {
          const { bus, shaped$ } = open(shape, named)
          const seen = collect(merge(shaped$, of('last')))
          const again = collect(shaped$.pipe(repeat()))
          const retried = collect(shaped$.pipe(retry()))
          shaped$.subscribe()
          await bus.ready()
          await publishAll(bus, 't', upTo(2))
          await bus.close()
          await timersHaveRun()
          for (const each of [seen, again, retried]) {
            expect(each.errors).to.deep.equal([])
            if (name !== 'onErrorResumeNext' && name !== 'merge of merges' && name !== 'from')
              expect(each.completed).to.equal(true)
          }
        })

        it('take(2) settles what it saw, and hands nothing out twice', async () => {
          const { bus, shaped$ } = open(shape, named)
          if (named) await register(bus, 'w', 't')
          const seen = collect(shaped$.pipe(take(2)))
          await bus.ready()
          await publishAll(bus, 't', upTo(5))
          await seen.completion()
          expect(seen.values.map(({ payload }) => payload)).to.deep.equal([1, 2])
          if (!named) return
          await untilStatus(bus, 'w', { acked: 2, pending: 3, inFlight: 0, delivered: 2, consumers: 0, redelivered: 0 }) // prettier-ignore
        })

        it('take(1), repeat() walks over a burst, losing and repeating nothing', async () => {
          const { bus, shaped$, key } = open(shape, named)
          const seen = collect(shaped$.pipe(take(1), repeat()))
          await bus.ready()
          await publishAll(bus, 't', upTo(20))
          const messages = await seen.first(20)
          expect(messages.map(({ payload }) => payload)).to.deep.equal(upTo(20))
          await untilStatus(bus, key, { acked: 20, delivered: 20, redelivered: 0, failed: 0 })
          seen.unsubscribe()
        })

        it('unsubscribing inside next takes effect at once, in the middle of a burst', async () => {
          const { bus, shaped$ } = open(shape, named)
          if (named) await register(bus, 'w', 't')
          const control = collect(bus.topic('t'))
          const seen: number[] = []
          const subscription = shaped$.subscribe(({ payload }) => {
            seen.push(payload)
            if (payload === 2) subscription.unsubscribe()
          })
          await bus.ready()
          await publishAll(bus, 't', upTo(5))
          await control.first(5)
          if (named)
            await untilStatus(bus, 'w', { acked: 2, pending: 3, inFlight: 0, delivered: 2, consumers: 0 })
          else await untilStatus(bus, 't', { consumers: 1, acked: 5 })
          expect(seen).to.deep.equal([1, 2])
          control.unsubscribe()
        })
      })
    }
  }

  describe('where several topics meet', () => {
    afterEach(timersHaveRun)

    it('combineLatest: the message in hand alone fails, and its neighbour stays settled', async () => {
      const bus = at.bus()
      const [a$, b$] = [bus.topic<number>('a', { name: 'a' }), bus.topic<number>('b', { name: 'b' })]
      let tries = 0
      const seen = collect(
        combineLatest([a$, b$]).pipe(
          map(([a, b]) => {
            if (++tries === 1) throw new Error('once')
            return [a.payload, b.payload]
          }),
          retry(),
        ),
      )
      await bus.publish('a', 1)
      await bus.publish('b', 2)
      await untilStatus(bus, 'b', { failed: 1, acked: 1, inFlight: 0 })
      await untilStatus(bus, 'a', { failed: 0, acked: 1, inFlight: 0 })
      await bus.publish('a', 3)
      expect(await seen.first(1)).to.deep.equal([[3, 2]])
    })

    it('forkJoin: of those that it joins the last fails, and comes again', async () => {
      const bus = at.bus()
      const log: string[] = []
      const seen = collect(
        forkJoin([bus.topic<number>('a').pipe(take(1)), bus.topic<number>('b').pipe(take(1))]).pipe(
          map(([a, b]) => {
            log.push(`${a.payload}/${a.attempt} ${b.payload}/${b.attempt}`)
            if (b.attempt === 1) throw new Error('once')
            return b.payload
          }),
          retry({ delay: 10 }),
        ),
      )
      await bus.ready()
      await bus.publish('a', 1)
      await bus.publish('b', 2)
      // The other subscription may have come and gone by the time that a status is here.
      await eventually(() => expect(log).to.have.length(1))
      await untilStatus(bus, 'a', { consumers: 1, delivered: 0 })
      await bus.publish('a', 3)
      expect(await seen.first(1)).to.deep.equal([2])
      expect(log).to.deep.equal(['1/1 2/1', '3/1 2/2'])
    })

    it('merge: an error of one topic leaves the other what it is owed', async () => {
      const bus = at.bus()
      const both$ = merge(bus.topic<number>('a'), bus.topic<number>('b'))
      const once = throwsOnce()
      const seen = collect(both$.pipe(map(once.at), retry({ delay: 20 })))
      await bus.ready()
      await bus.publish('a', 2)
      await untilStatus(bus, 'a', { failed: 1 })
      await bus.publish('b', 3)
      expect(await seen.first(2)).to.have.members(['2/2r', '3/1'])
      await untilStatus(bus, 'a', { failed: 1, acked: 1 })
      await untilStatus(bus, 'b', { failed: 0, acked: 1 })
    })

    it('merge of one topic with itself: each gets its own message again', async () => {
      const bus = at.bus()
      const topic$ = bus.topic<number>('t')
      let tries = 0
      const log: string[] = []
      const seen = collect(
        merge(topic$, topic$).pipe(
          map(message => {
            log.push(`${message.payload}/${message.attempt}`)
            if (++tries <= 2) throw new Error('twice')
            return message.payload
          }),
          retry(),
        ),
      )
      await bus.ready()
      await bus.publish('t', 1)
      expect(await seen.first(2)).to.deep.equal([1, 1])
      expect(log.toSorted()).to.deep.equal(['1/1', '1/1', '1/2', '1/2'])
    })

    it('concat(topic, topic) goes on where the first one ended', async () => {
      const bus = at.bus()
      const two$ = bus.topic<number>('t').pipe(map(({ payload }) => payload), take(2)) // prettier-ignore
      const seen = collect(concat(two$, two$, of('last')))
      await bus.ready()
      await publishAll(bus, 't', upTo(6))
      await seen.completion()
      expect(seen.values).to.deep.equal([1, 2, 3, 4, 'last'])
    })

    it('close() under concat(topic, topic, …) and under defer(topic).pipe(repeat()) ends them', async () => {
      const bus = at.bus()
      const topic$ = bus.topic('t')
      const ended = collect(concat(topic$, topic$, bus.topic('u'), of('last')))
      const again = collect(defer(() => bus.topic('t')).pipe(repeat()))
      const later = collect(defer(() => bus.topic('t')).pipe(repeat({ delay: 1 })))
      concat(topic$, topic$).subscribe()
      defer(() => topic$).pipe(repeat()).subscribe() // prettier-ignore
      await bus.ready()
      await bus.close()
      await Promise.all([ended.completion(), again.completion(), later.completion()])
      expect([ended, again, later].flatMap(({ errors }) => errors)).to.deep.equal([])
      expect(ended.values).to.deep.equal(['last'])
    })

    it('a subscription that an inner pipeline gave up is let go of, though the outer one lives on', async () => {
      const bus = at.bus()
      const inner = (): Observable<string> =>
        onErrorResumeNext(
          bus.topic<number>('t').pipe(
            map(() => {
              throw new Error('x')
            }),
          ),
          of('instead'),
        )
      const seen = collect(merge(of(1), NEVER).pipe(mergeMap(inner)))
      await bus.ready()
      await bus.publish('t', 1)
      await seen.first(1)
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
      seen.unsubscribe()
    })
  })

  describe('past a Subject', () => {
    afterEach(timersHaveRun)

    it('retryWhen gets the failed message again', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t').pipe(
          map(throwsOnce().at),
          retryWhen(errors$ => errors$),
        ),
      )
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      expect(await seen.first(3)).to.deep.equal(['1/1', '2/2r', '3/1'])
    })

    it('an error before share() comes again to who connects it anew', async () => {
      const bus = at.bus()
      const shared$ = bus.topic<number>('t').pipe(map(throwsOnce().at), share())
      const first = shared$.subscribe({ error: () => undefined })
      const seen = collect(shared$.pipe(retry()))
      await bus.ready()
      first.unsubscribe()
      await publishAll(bus, 't', upTo(3))
      expect(await seen.first(3)).to.deep.equal(['1/1', '2/2r', '3/1'])
      seen.unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('an error before share() comes again when it fails once more while it is connected anew', async () => {
      const bus = at.bus()
      const handed: number[] = []
      let values = 0
      const throws = map(value => {
        values += 1
        // At the message, and at the first value of the one that comes back.
        if (values === 2 || values === 3) throw new Error(`thrown at ${values}`)
        return value
      })
      const [t$, u$] = ['t', 'u'].map(topic =>
        bus.topic(topic).pipe(
          tap(({ attempt }) => handed.push(attempt)),
          startWith(undefined),
        ),
      ) as [Observable<unknown>, Observable<unknown>]
      const seen = collect(combineLatest([t$, u$]).pipe(throws, share(), retry()))
      await bus.ready()
      await bus.publish('t')
      await untilStatus(bus, 't', { acked: 1, failed: 1, pending: 0, inFlight: 0 })
      expect(handed).to.deep.equal([1, 2])
      expect((await bus.status()).subscriptions).to.have.lengthOf(2)
      seen.unsubscribe()
    })

    it('an error behind share() comes again, whichever pipe connected it', async () => {
      const bus = at.bus()
      const shared$ = bus.topic<number>('t').pipe(share())
      const first = shared$.subscribe()
      const seen = collect(shared$.pipe(map(throwsOnce().at), retry({ delay: 10 })))
      await bus.ready()
      first.unsubscribe()
      await publishAll(bus, 't', upTo(3))
      expect(await seen.first(3)).to.deep.equal(['1/1', '2/2r', '3/1'])
      seen.unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('an error before share() without a resubscription ends the subscription', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic<number>('t').pipe(map(throwsOnce().at), share()))
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      await seen.failure()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('a throw behind merge().pipe(share()) fails the message, is reported, and ends nothing', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const shared$ = merge(bus.topic<number>('t', { delay: 1 }), NEVER).pipe(share())
      const once = throwsOnce()
      shared$.subscribe(once.at)
      const other = collect(shared$)
      await bus.ready()
      await publishAll(bus, 't', upTo(3))
      await untilStatus(bus, 't', { acked: 3, failed: 1 })
      expect(once.tries()).to.equal(4)
      await other.first(4)
      await reported.first(1)
      expect(reported.values).to.have.lengthOf(1)
    })

    it('a throw behind an ordinary timer is reported', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      merge(bus.topic<number>('t'), timer(1)).subscribe(() => {
        throw new Error('each time')
      })
      expect((await reported.first(1))[0]?.cause).to.include({ message: 'each time' })
      await statusOf(bus, 't')
    })
  })
}
