/* eslint-disable @typescript-eslint/no-deprecated -- deprecated in RxJS 7, and there: old code has it */
import { expect } from 'chai'
import {
  connectable,
  map,
  merge,
  multicast,
  Observable,
  refCount,
  repeat,
  retry,
  Subject,
  Subscriber,
  take,
  toArray,
  type MonoTypeOperatorFunction,
} from 'rxjs'
import { van, type Bus, type Message } from '../../../src/index.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  reports,
  untilStatus,
  upTo,
} from '../../support/messages.js'

/** What holds only where publisher and subscriber are one process, or needs no broker of a certain kind. */
describe('pipelines', () => {
  let bus: Bus
  beforeEach(() => {
    bus = van({ embedded: true })
  })
  afterEach(() => bus.close({ drain: false }))

  const plain =
    <T>(): MonoTypeOperatorFunction<T> =>
    source =>
      new Observable<T>(subscriber => source.subscribe(subscriber))

  it('are handed their messages before publish() returns', () => {
    const seen = collect(bus.topic('t'))
    void bus.publish('t', 1)
    expect(payloads(seen.values)).to.deep.equal([1])
  })

  it('take a Subscriber of RxJS itself as their end', async () => {
    const seen: unknown[] = []
    bus.topic('t').subscribe(
      new Subscriber({
        next: message => seen.push(message),
        error: () => undefined,
        complete: () => undefined,
      }),
    )
    await bus.publish('t')
    expect(seen).to.have.lengthOf(1)
  })

  it('take no observer at all', async () => {
    bus.topic('t', { name: 'w' }).subscribe()
    await bus.publish('t')
    await untilStatus(bus, 'w', { acked: 1 })
  })

  it('connect through connectable()', async () => {
    const connected$ = connectable(bus.topic<number>('t'))
    const [a, b] = [collect(connected$), collect(connected$)]
    const connection = connected$.connect()
    await bus.publish('t', 1)
    expect(payloads(await a.first(1))).to.deep.equal([1])
    expect(payloads(await b.first(1))).to.deep.equal([1])
    connection.unsubscribe()
    expect((await bus.status()).subscriptions).to.deep.equal([])
  })

  it('connect through multicast() and refCount(), which borrow their lift', async () => {
    const old$ = bus.topic<number>('t').pipe(
      multicast(() => new Subject<Message<number>>()),
      refCount(),
    )
    const seen = collect(old$.pipe(map(({ payload }) => payload)))
    await bus.publish('t', 1)
    expect(await seen.first(1)).to.deep.equal([1])
  })

  it('merge: an error of one topic fails its own message, and leaves the other topic its own', async () => {
    const broken = bus.topic<number>('a', { name: 'a' }).pipe(
      map(({ payload, attempt }) => {
        if (attempt === 1) throw new Error('once')
        return payload
      }),
    )
    const seen = collect(
      merge(broken, bus.topic<number>('b', { name: 'b' }).pipe(map(({ payload }) => payload))).pipe(retry()),
    )
    await bus.publish('b', 1)
    await bus.publish('a', 2)
    expect(await seen.first(2)).to.deep.equal([1, 2])
    await untilStatus(bus, 'a', { failed: 1, acked: 1 })
    await untilStatus(bus, 'b', { failed: 0, acked: 1 })
  })

  it('settle what a hand-made operator let through, and give a take(1) after it no more', async () => {
    await register(bus, 'w', 't')
    await publishAll(bus, 't', upTo(3))
    const seen = collect(bus.topic<number>('t', { name: 'w' }).pipe(plain(), take(1)))
    await seen.completion()
    await untilStatus(bus, 'w', { acked: 1, pending: 2, delivered: 1, redelivered: 0 })
  })

  it('see the end of the bus once: toArray() after take(), repeat() gets it', async () => {
    const all = collect(bus.topic<number>('t').pipe(map(({ payload }) => payload), toArray())) // prettier-ignore
    const again = collect(bus.topic<number>('t').pipe(map(({ payload }) => payload), take(1), repeat(), toArray())) // prettier-ignore
    await publishAll(bus, 't', [1, 2])
    await bus.close()
    expect(all.values).to.deep.equal([[1, 2]])
    expect(again.completed).to.equal(true)
  })

  it('report a throw in next once, however many operators it passed', async () => {
    const reported = reports(bus)
    const through = bus.topic('t', { attempts: 1 }).pipe(map(message => message), map(message => message), map(message => message)) // prettier-ignore
    through.subscribe(() => {
      throw new Error('x')
    })
    await bus.publish('t')
    expect(reported.values).to.have.lengthOf(1)
  })

  it('pipelines of two buses may nest: each fails its own message', async () => {
    const other = van({ embedded: true })
    other.topic('inner', { name: 'w' }).subscribe(() => {
      throw new Error('inner')
    })
    bus.topic('outer', { name: 'w' }).subscribe(() => void other.publish('inner'))
    await bus.publish('outer')
    await untilStatus(bus, 'w', { acked: 1, failed: 0 })
    await untilStatus(other, 'w', { failed: 1, acked: 0 })
    await other.close({ drain: false })
  })
})
