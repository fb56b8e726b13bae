import { expect } from 'chai'
import {
  bufferCount,
  combineLatest,
  concatMap,
  delay,
  filter,
  first,
  firstValueFrom,
  groupBy,
  lastValueFrom,
  map,
  mergeMap,
  Observable,
  of,
  repeat,
  scan,
  share,
  shareReplay,
  Subject,
  switchMap,
  take,
  takeUntil,
  takeWhile,
  toArray,
  withLatestFrom,
  type OperatorFunction,
} from 'rxjs'
import type { Message } from '../../src/index.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  statusOf,
  topics,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

/** As many write operators: by hand, without `lift`. */
function byHand<T, R>(project: (value: T) => R): OperatorFunction<T, R> {
  return source =>
    new Observable<R>(subscriber =>
      source.subscribe({
        next: value => subscriber.next(project(value)),
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    )
}

const payload = map((message: Message<number>) => message.payload)

export function rxjsSemantics(at: Connected): void {
  describe('take, first and repeat', () => {
    it('take(3) over a backlog of 10 takes 3; the other 7 go, uncounted, to the next subscriber of that name', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(10))
      const three = collect(bus.topic<number>('t', { name: 'w' }).pipe(take(3)))
      await three.completion()
      expect(payloads(three.values)).to.deep.equal([1, 2, 3])
      await untilStatus(bus, 'w', {
        acked: 3,
        pending: 7,
        inFlight: 0,
        delivered: 3,
        failed: 0,
        redelivered: 0,
        consumers: 0,
      })
      const rest = collect(bus.topic<number>('t', { name: 'w' }))
      const seven = await rest.first(7)
      expect(
        seven.map(({ payload, attempt, redelivered }) => ({ payload, attempt, redelivered })),
      ).to.deep.equal([4, 5, 6, 7, 8, 9, 10].map(payload => ({ payload, attempt: 1, redelivered: false })))
      await untilStatus(bus, 'w', {
        acked: 10,
        pending: 0,
        inFlight: 0,
        delivered: 10,
        failed: 0,
        redelivered: 0,
      })
    })

    it('take(1) in the middle of a burst counts one delivery', async () => {
      const bus = at.bus()
      const one = collect(bus.topic<number>('t', { name: 'w' }).pipe(take(1)))
      await bus.ready()
      await publishAll(bus, 't', upTo(10))
      await one.completion()
      await untilStatus(bus, 'w', { delivered: 1, acked: 1, pending: 9, redelivered: 0 })
    })

    for (const name of [undefined, 'w']) {
      const kind = name === undefined ? 'an unnamed' : 'a named'
      it(`take(1), repeat() walks over a burst on ${kind} subscription, losing and repeating nothing`, async () => {
        const bus = at.bus()
        const options = name === undefined ? {} : { name }
        const seen = collect(bus.topic<number>('t', options).pipe(take(1), repeat()))
        await bus.ready()
        await publishAll(bus, 't', upTo(100))
        const messages = await seen.first(100)
        await bus.publish('t', 'marker')
        await seen.first(101)
        expect(payloads(seen.values)).to.deep.equal([...upTo(100), 'marker'])
        expect(messages.filter(message => message.redelivered || message.attempt > 1)).to.deep.equal([])
        await untilStatus(bus, name ?? 't', { delivered: 101, acked: 101, redelivered: 0, failed: 0 })
        seen.unsubscribe()
      })

      it(`take(7), repeat(3) takes 21 on ${kind} subscription`, async () => {
        const bus = at.bus()
        const options = name === undefined ? {} : { name }
        const seen = collect(bus.topic<number>('t', options).pipe(payload, take(7), repeat(3)))
        await bus.ready()
        await publishAll(bus, 't', upTo(30))
        await seen.completion()
        expect(seen.values).to.deep.equal(upTo(21))
      })
    }

    it('first() and firstValueFrom settle the one they saw', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(3))
      expect((await firstValueFrom(bus.topic<number>('t', { name: 'w' }).pipe(first()))).payload).to.equal(1)
      expect(await firstValueFrom(bus.topic<number>('t', { name: 'w' }).pipe(payload))).to.equal(2)
      expect((await firstValueFrom(bus.topic<number>('t', { name: 'w' }))).payload).to.equal(3)
      await untilStatus(bus, 'w', { acked: 3, pending: 0, inFlight: 0, failed: 0, redelivered: 0 })
    })

    it('first(predicate) settles what it passed over, too', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(6))
      const found = await firstValueFrom(
        bus.topic<number>('t', { name: 'w' }).pipe(first(({ payload }) => payload === 4)),
      )
      expect(found.payload).to.equal(4)
      await untilStatus(bus, 'w', { acked: 4, pending: 2, inFlight: 0 })
    })

    it('takeWhile settles the one that ended it', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(5))
      const seen = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(
          payload,
          takeWhile(value => value < 3),
        ),
      )
      await seen.completion()
      expect(seen.values).to.deep.equal([1, 2])
      await untilStatus(bus, 'w', { acked: 3, pending: 2, inFlight: 0 })
    })

    it('takeUntil completes, and toArray gets all from before', async () => {
      const bus = at.bus()
      const stop$ = new Subject<void>()
      const all = collect(bus.topic<number>('t').pipe(payload, takeUntil(stop$), toArray()))
      const control = collect(bus.topic('t'))
      await publishAll(bus, 't', upTo(4))
      await control.first(4)
      await untilStatus(bus, 't', { acked: 4 })
      stop$.next()
      await all.completion()
      expect(all.values).to.deep.equal([upTo(4)])
    })
  })

  describe('unsubscribing inside next', () => {
    it('takes effect at once for the subscriber itself, in the middle of a burst', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(10))
      const seen: unknown[] = []
      const subscription = bus.topic('t', { name: 'w' }).subscribe(message => {
        seen.push(message.payload)
        if (seen.length === 3) subscription.unsubscribe()
      })
      await untilStatus(bus, 'w', {
        consumers: 0,
        acked: 3,
        delivered: 3,
        pending: 7,
        inFlight: 0,
        redelivered: 0,
      })
      expect(seen).to.deep.equal([1, 2, 3])
    })

    it('takes effect at once for another subscriber, which does not even get the message in hand', async () => {
      const bus = at.bus()
      const all = collect(bus.topic('t'))
      let other: Message[] = []
      let killed = false
      bus.topic('t').subscribe(() => {
        killed = true
        later.unsubscribe()
      })
      const later = bus.topic('t').subscribe(message => {
        expect(killed).to.equal(false)
        other = [...other, message]
      })
      await publishAll(bus, 't', upTo(5))
      await all.first(5)
      await bus.publish('t', 'marker')
      await all.first(6)
      expect(other).to.deep.equal([])
    })

    it('counts the message as failed if a throw follows', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      const subscription = bus.topic('t', { name: 'w' }).subscribe(() => {
        subscription.unsubscribe()
        throw new Error('after letting go')
      })
      await untilStatus(bus, 'w', { consumers: 0, failed: 1, pending: 2, acked: 0, inFlight: 0 })
    })
  })

  describe('stock operators', () => {
    it('filter settles what it keeps back', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(filter(({ payload }) => payload % 2 === 0)),
      )
      await publishAll(bus, 't', upTo(6))
      expect(payloads(await seen.first(3))).to.deep.equal([2, 4, 6])
      await untilStatus(bus, 'w', { acked: 6, inFlight: 0, pending: 0 })
    })

    it('share() has one subscription for all, gone with the last', async () => {
      const bus = at.bus()
      const shared$ = bus.topic<number>('t').pipe(share())
      const [a, b] = [collect(shared$), collect(shared$)]
      await bus.ready()
      expect((await bus.status()).subscriptions.map(each => each.consumers)).to.deep.equal([1])
      await publishAll(bus, 't', [1, 2])
      expect(payloads(await a.first(2))).to.deep.equal([1, 2])
      expect(payloads(await b.first(2))).to.deep.equal([1, 2])
      await untilStatus(bus, 't', { delivered: 2, acked: 2, inFlight: 0 })
      a.unsubscribe()
      await bus.publish('t', 3)
      expect(payloads(await b.first(3))).to.deep.equal([1, 2, 3])
      b.unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('share() after map settles once, and a take(1) on one side leaves the other alone', async () => {
      const bus = at.bus()
      const shared$ = bus.topic<number>('t', { name: 'w' }).pipe(payload, share())
      const [one, all] = [collect(shared$.pipe(take(1))), collect(shared$)]
      await publishAll(bus, 't', upTo(4))
      await one.completion()
      expect(await all.first(4)).to.deep.equal([1, 2, 3, 4])
      expect(one.values).to.deep.equal([1])
      await untilStatus(bus, 'w', { delivered: 4, acked: 4, redelivered: 0, failed: 0 })
    })

    it('shareReplay(1) gives late subscribers the last', async () => {
      const bus = at.bus()
      const shared$ = bus.topic<number>('t').pipe(payload, shareReplay({ bufferSize: 1, refCount: true }))
      const a = collect(shared$)
      await publishAll(bus, 't', [1, 2])
      await a.first(2)
      expect(await collect(shared$).first(1)).to.deep.equal([2])
    })

    it('mergeMap, switchMap, concatMap, groupBy, bufferCount and scan work as they do anywhere', async () => {
      const bus = at.bus()
      const topic$ = bus.topic<number>('t').pipe(payload)
      const merged = collect(topic$.pipe(mergeMap(value => of(value, value * 10))))
      const switched = collect(topic$.pipe(switchMap(value => of(value))))
      const later = collect(topic$.pipe(concatMap(value => of(value).pipe(delay(1)))))
      const grouped = collect(
        topic$.pipe(
          groupBy(value => value % 2),
          mergeMap(group$ => group$.pipe(map(value => `${group$.key}:${value}`))),
        ),
      )
      const buffered = collect(topic$.pipe(bufferCount(2)))
      const summed = collect(topic$.pipe(scan((sum, value) => sum + value, 0)))
      await publishAll(bus, 't', upTo(4))
      expect(await merged.first(8)).to.deep.equal([1, 10, 2, 20, 3, 30, 4, 40])
      expect(await switched.first(4)).to.deep.equal([1, 2, 3, 4])
      expect(await later.first(4)).to.deep.equal([1, 2, 3, 4])
      expect(await grouped.first(4)).to.deep.equal(['1:1', '0:2', '1:3', '0:4'])
      expect(await buffered.first(2)).to.deep.equal([[1, 2], [3, 4]]) // prettier-ignore
      expect(await summed.first(4)).to.deep.equal([1, 3, 6, 10])
    })

    it('combineLatest and withLatestFrom join two topics', async () => {
      const bus = at.bus()
      const [a$, b$] = [bus.topic<number>('a').pipe(payload), bus.topic<number>('b').pipe(payload)]
      const both = collect(combineLatest([a$, b$]))
      const latest = collect(a$.pipe(withLatestFrom(b$)))
      await bus.ready()
      for (const [topic, value] of [['a', 1], ['b', 10], ['a', 2]] as const) await bus.publish(topic, value) // prettier-ignore
      expect(await both.first(2)).to.deep.equal([[1, 10], [2, 10]]) // prettier-ignore
      expect(await latest.first(1)).to.deep.equal([[2, 10]])
    })

    it('switchMap to a topic follows it, and lets the one before go', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic<string>('which').pipe(switchMap(({ payload }) => bus.topic(payload))))
      await bus.publish('which', 'a')
      await untilStatus(bus, 'a', { consumers: 1 })
      await bus.publish('a')
      await seen.first(1)
      await bus.publish('which', 'b')
      await untilStatus(bus, 'b', { consumers: 1 })
      await bus.publish('a')
      await bus.publish('b')
      expect(topics(await seen.first(2))).to.deep.equal(['a', 'b'])
      expect((await bus.status()).subscriptions.map(({ pattern }) => pattern)).to.have.members(['which', 'b'])
    })

    it('hand-made operators work, before and after stock ones', async () => {
      const bus = at.bus()
      const seen = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(
          payload,
          byHand(value => value * 2),
          map(value => value + 1),
          byHand(value => `${value}`),
          take(3),
        ),
      )
      await bus.ready()
      await publishAll(bus, 't', upTo(5))
      await seen.completion()
      expect(seen.values).to.deep.equal(['3', '5', '7'])
      await untilStatus(bus, 'w', { acked: 3, pending: 2, inFlight: 0, delivered: 3, consumers: 0 })
    })

    it('forEach and lastValueFrom end with the bus', async () => {
      const bus = at.bus()
      const seen: unknown[] = []
      const each = bus.topic<number>('t').forEach(message => void seen.push(message.payload))
      const last = lastValueFrom(bus.topic<number>('t').pipe(payload))
      const control = collect(bus.topic('t'))
      await publishAll(bus, 't', [1, 2])
      await control.first(2)
      await bus.close()
      await each
      expect(await last).to.equal(2)
      expect(seen).to.deep.equal([1, 2])
    })

    it('an Observer object keeps its this', async () => {
      const bus = at.bus()
      class Counter {
        count = 0
        next(): void {
          this.count += 1
        }
      }
      const counter = new Counter()
      bus.topic('t').subscribe(counter)
      const subject = new Subject<Message>()
      const through = collect(subject)
      bus.topic('t').subscribe(subject)
      await bus.publish('t')
      await through.first(1)
      await untilStatus(bus, 't', { acked: 1 })
      expect(counter.count).to.equal(1)
      expect((await statusOf(bus, 't')).failed).to.equal(0)
    })
  })
}
