import { expect } from 'chai'
import {
  concat,
  defer,
  EMPTY,
  firstValueFrom,
  from,
  lastValueFrom,
  map,
  NEVER,
  Observable,
  of,
  range,
  retry,
  Subject,
  take,
  throwError,
  timer,
  toArray,
} from 'rxjs'
import {
  ClosedError,
  InvalidOptionError,
  InvalidPayloadError,
  MsgvanError,
  NotExposedError,
  ObservationLostError,
  OverflowError,
  RemoteError,
  SubscriberError,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, rejection, reports, thrown, upTo } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function remoteObservables(at: Connected): void {
  describe('expose and observe', () => {
    /** What is exposed is in force. */
    const exposing = async <A, R>(name: string, factory: (args: A) => Observable<R>) => {
      const exposed = at.bus().expose(name, factory)
      await at.bus().ready()
      await at.another().ready()
      return exposed
    }

    it('values cross in order, and the end', async () => {
      await exposing('count', (to: number) => range(1, to))
      const seen = collect(at.another().observe<number, number>('count', 2_000))
      await seen.completion()
      expect(seen.values).to.deep.equal(upTo(2_000))
      expect(seen.errors).to.deep.equal([])
    })

    it('an end without a value crosses, and later values do', async () => {
      await exposing('empty', () => EMPTY)
      await exposing('late', () => concat(timer(5), of('a', 'b')))
      const empty = collect(at.another().observe('empty'))
      await empty.completion()
      expect(empty.values).to.deep.equal([])
      expect(await firstValueFrom(at.another().observe('late').pipe(toArray()))).to.deep.equal([0, 'a', 'b'])
    })

    it('arguments and values may be anything that a payload may be', async () => {
      await exposing('echo', (args: unknown) => of(args))
      for (const value of [undefined, null, 0n, new Date(7), new Map([[{ a: 1 }, new Set([NaN])]]), [-0]])
        // prettier-ignore
        expect(await firstValueFrom(at.another().observe('echo', value))).to.deep.equal(value)
    })

    itWith(at, 'copies', 'each value is a copy', async () => {
      const value = { n: 1 }
      await exposing('object', () => of(value))
      const [first, second] = await Promise.all(
        [1, 2].map(() => firstValueFrom(at.another().observe<void, { n: number }>('object'))),
      )
      expect(first).to.deep.equal(value)
      expect(first).to.not.equal(second)
      expect(first).to.not.equal(value)
    })

    it('is cold: the factory is called for each subscription, with its own arguments', async () => {
      const calls: unknown[] = []
      await exposing('square', (n: number) => {
        calls.push(n)
        return of(n * n)
      })
      const observed$ = [3, 4].map(n => at.another().observe<number, number>('square', n))
      expect(calls).to.deep.equal([])
      expect(await Promise.all(observed$.map(each => lastValueFrom(each)))).to.deep.equal([9, 16])
      expect(await Promise.all(observed$.map(each => lastValueFrom(each)))).to.deep.equal([9, 16])
      expect(calls.sort()).to.deep.equal([3, 3, 4, 4])
    })

    it('an error crosses behind the values before it, with what was thrown as its cause', async () => {
      await exposing('fails', () =>
        concat(
          of(1, 2),
          throwError(() => new TypeError('boom')),
        ),
      )
      const seen = collect(at.another().observe('fails'))
      const error = (await seen.failure()) as RemoteError
      expect(seen.values).to.deep.equal([1, 2])
      expect(error).to.be.instanceOf(RemoteError)
      expect(error.code).to.equal('MSGVAN_REMOTE')
      expect(error.message).to.equal('boom')
      expect(error.cause).to.be.instanceOf(TypeError)
      expect((error.cause as Error).message).to.equal('boom')
    })

    it('any error crosses: no Error, one of msgvan, one that cannot be carried', async () => {
      await exposing('fails', (how: string) =>
        throwError(() =>
          how === 'text'
            ? 'a text'
            : how === 'own'
              ? new InvalidOptionError('no')
              : { why: () => 'a function' },
        ),
      )
      const failure = async (how: string) => collect(at.another().observe('fails', how)).failure()
      expect(await failure('text')).to.include({ message: 'a text', cause: 'a text', code: 'MSGVAN_REMOTE' })
      expect(await failure('own'))
        .to.be.instanceOf(InvalidOptionError)
        .and.include({ message: 'no' })
      expect(await failure('function')).to.be.instanceOf(RemoteError)
    })

    it('a throw of the factory goes to the observer, and so does the error of one that returns no Observable', async () => {
      const bus = at.bus()
      const told = reports(bus)
      await exposing('throws', () => {
        throw new RangeError('not that many')
      })
      await exposing('nothing', () => undefined as unknown as Observable<never>)
      expect(await collect(at.another().observe('throws')).failure()).to.include({ message: 'not that many' })
      expect(await collect(at.another().observe('nothing')).failure()).to.be.instanceOf(RemoteError)
      await exposing('works', () => of(1))
      expect(await firstValueFrom(at.another().observe('works'))).to.equal(1)
      expect(told.values).to.deep.equal([])
    })

    it('unsubscribing crosses', async () => {
      let running = 0
      await exposing('endless', () => {
        running += 1
        return new Observable<number>(subscriber => {
          subscriber.next(running)
          return () => (running -= 1)
        })
      })
      const all = [1, 2, 3].map(() => collect(at.another().observe<void, number>('endless')))
      for (const each of all) await each.first(1)
      expect(running).to.equal(3)
      all[1]?.unsubscribe()
      await eventually(() => expect(running).to.equal(2))
      for (const each of all) each.unsubscribe()
      await eventually(() => expect(running).to.equal(0))
    })

    it('take(n) unsubscribes on the other side, and what never emits can be unsubscribed', async () => {
      let running = 0
      const counted = (source$: Observable<unknown>) =>
        defer(() => {
          running += 1
          return new Observable<unknown>(subscriber => {
            subscriber.add(source$.subscribe(subscriber))
            return () => (running -= 1)
          })
        })
      await exposing('ticks', () => counted(timer(0, 1)))
      await exposing('never', () => counted(NEVER))
      expect(await lastValueFrom(at.another().observe('ticks').pipe(take(3), toArray()))).to.deep.equal([
        0, 1, 2,
      ])
      await eventually(() => expect(running).to.equal(0))
      const never = at.another().observe('never').subscribe()
      await eventually(() => expect(running).to.equal(1))
      never.unsubscribe()
      await eventually(() => expect(running).to.equal(0))
    })

    it('unsubscribed at once it does not run on', async () => {
      let running = 0
      await exposing('late', () => new Observable(() => {
        running += 1
        return () => (running -= 1)
      })) // prettier-ignore
      at.another().observe('late').subscribe().unsubscribe()
      await eventually(() => expect(running).to.equal(0))
      // Positive control: what is not unsubscribed runs, and came behind it.
      collect(at.another().observe('late'))
      await eventually(() => expect(running).to.equal(1))
    })

    it('a name without an exposure is an error that retry() can wait with', async () => {
      const error = await collect(at.another().observe('later')).failure()
      expect(error).to.be.instanceOf(NotExposedError)
      expect(error).to.include({ code: 'MSGVAN_NOT_EXPOSED' })
      expect(String(error)).to.contain('later')
      const value = firstValueFrom(
        at
          .another()
          .observe('later')
          .pipe(retry({ delay: 5 })),
      )
      await exposing('later', () => of('here'))
      expect(await value).to.equal('here')
    })

    it('a withdrawn exposure ends with an error for its observer, and is not exposed later; others go on', async () => {
      const source$ = new Subject<number>()
      const exposed = await exposing('mine', () => source$)
      await exposing('other', () => source$)
      const [mine, other] = ['mine', 'other'].map(name => collect(at.another().observe<void, number>(name)))
      await eventually(() => {
        source$.next(1)
        expect(mine?.values.length).to.be.greaterThan(0)
        expect(other?.values.length).to.be.greaterThan(0)
      })
      exposed.unsubscribe()
      expect(exposed.closed).to.equal(true)
      expect(await mine?.failure()).to.be.instanceOf(ObservationLostError)
      await eventually(async () => {
        expect(await collect(at.another().observe('mine')).failure()).to.be.instanceOf(NotExposedError)
      })
      const before = other?.values.length ?? 0
      source$.next(2)
      expect((await other?.first(before + 1))?.at(-1)).to.equal(2)
      expect(other?.errors).to.deep.equal([])
      await exposing('mine', () => of('again'))
      expect(await firstValueFrom(at.another().observe('mine'))).to.equal('again')
    })

    it('one bus exposes a name twice: the end of one exposure leaves the other', async () => {
      const ended: string[] = []
      const named = (which: string) => () =>
        new Observable<string>(subscriber => {
          subscriber.next(which)
          return () => ended.push(which)
        })
      const first = await exposing('twice', named('first'))
      await exposing('twice', named('second'))
      const seen = upTo(8).map(() => collect(at.another().observe<void, string>('twice')))
      for (const each of seen) await each.first(1)
      first.unsubscribe()
      await eventually(() => {
        for (const { values, errors } of seen) expect(errors).to.have.lengthOf(values[0] === 'first' ? 1 : 0)
      })
      expect(new Set(ended)).to.deep.equal(new Set(['first']))
      expect(await firstValueFrom(at.another().observe('twice'))).to.equal('second')
    })

    it('errors$ reports a teardown that throws, which harms no other observation', async () => {
      const told = reports(at.bus())
      await exposing('bad', () => new Observable(subscriber => {
        subscriber.next(1)
        return () => {
          throw new Error('teardown')
        }
      })) // prettier-ignore
      const [one, other] = [1, 2].map(() => collect(at.another().observe('bad')))
      await one?.first(1)
      await other?.first(1)
      one?.unsubscribe()
      const [error] = await told.first(1)
      expect(error).to.be.instanceOf(SubscriberError)
      expect(String(error)).to.contain('teardown')
      await exposing('good', () => of(1))
      expect(await firstValueFrom(at.another().observe('good'))).to.equal(1)
      expect(other?.errors).to.deep.equal([])
    })

    it('all exposers of one name share its observers', async () => {
      await exposing('shared', () => of('one'))
      at.another().expose('shared', () => of('other'))
      await at.another().ready()
      const seen = await Promise.all(
        upTo(20).map(() => firstValueFrom(at.bus().observe<void, string>('shared'))),
      )
      expect(new Set(seen)).to.deep.equal(new Set(['one', 'other']))
    })

    it('small and large values cross in order, many and few at once', async () => {
      const sizes = upTo(60).map(n => (n % 20 === 0 ? 1_000_000 : n % 7 === 0 ? 9_000 : n))
      const values$ = from(sizes).pipe(map((size, at) => Buffer.alloc(size, at)))
      await exposing('sizes', () => values$)
      const seen = await lastValueFrom(at.another().observe<void, Buffer>('sizes').pipe(toArray()))
      expect(seen.map(value => value.length)).to.deep.equal(sizes)
      expect(seen.every((value, n) => value.every(byte => byte === n))).to.equal(true)
    })

    it('unsubscribed in the middle of what came at once, not one more is handed out', async () => {
      await exposing('count', (to: number) => range(1, to))
      const seen: number[] = []
      const subscription = at
        .another()
        .observe<number, number>('count', 1_000)
        .subscribe(value => {
          seen.push(value)
          if (value === 5) subscription.unsubscribe()
        })
      await eventually(() => expect(seen).to.include(5))
      expect(await lastValueFrom(at.another().observe<number, number>('count', 10))).to.equal(10)
      expect(seen).to.deep.equal(upTo(5))
    })

    it('a value that cannot be carried ends the observation with the reason', async () => {
      let ended = false
      await exposing('functions', () => new Observable(subscriber => {
        for (const value of [1, () => 2, 3]) subscriber.next(value)
        return () => (ended = true)
      })) // prettier-ignore
      const seen = collect(at.another().observe('functions'))
      expect(await seen.failure()).to.be.instanceOf(InvalidPayloadError)
      expect(seen.values).to.deep.equal([1])
      expect(ended).to.equal(true)
    })

    it('arguments that cannot be carried are refused', async () => {
      await exposing('any', () => of(1))
      const seen = collect(at.another().observe('any', () => 1))
      expect(await seen.failure()).to.be.instanceOf(InvalidPayloadError)
    })

    it('more than may wait ends the observation, and nothing else', async () => {
      await exposing('flood', (count: number) => range(1, count))
      const seen = collect(at.another().observe<number, number>('flood', 300_000))
      expect(await seen.failure()).to.be.instanceOf(OverflowError)
      expect(seen.values).to.deep.equal(upTo(seen.values.length))
      expect(await lastValueFrom(at.another().observe<number, number>('flood', 50_000))).to.equal(50_000)
    }).timeout(120_000)

    it('a thousand at once', async () => {
      await exposing('times', (n: number) => timer(1).pipe(map(() => n * 2)))
      const all = upTo(1_000).map(n => firstValueFrom(at.another().observe<number, number>('times', n)))
      expect(await Promise.all(all)).to.deep.equal(upTo(1_000).map(n => n * 2))
    })

    it('is not a subscription of the app: patterns do not see its letters', async () => {
      const seen = collect(at.bus().topic(/./))
      await exposing('one', () => of(1))
      expect(await firstValueFrom(at.another().observe('one'))).to.equal(1)
      await at.another().publish('seen')
      expect((await seen.first(1))[0]?.topic).to.equal('seen')
    })

    itWith(at, 'severalBuses', 'close() of the exposing bus ends it with an error', async () => {
      let ended = false
      await exposing('mine', () => new Observable(subscriber => {
        subscriber.next(1)
        return () => (ended = true)
      })) // prettier-ignore
      const seen = collect(at.another().observe('mine'))
      await seen.first(1)
      await at.bus().close()
      const error = await seen.failure()
      expect(error).to.be.instanceOf(ObservationLostError)
      // By its own word, not because it was looked for in vain.
      expect(String(error)).to.contain('its bus closed')
      expect(ended).to.equal(true)
      await eventually(async () => {
        expect(await collect(at.another().observe('mine')).failure()).to.be.instanceOf(NotExposedError)
      })
    })

    itWith(
      at,
      'severalBuses',
      'close() of the observing bus completes it there, and unsubscribes on the other side',
      async () => {
        let running = 0
        await exposing('mine', () => new Observable(subscriber => {
        running += 1
        subscriber.next(1)
        return () => (running -= 1)
      })) // prettier-ignore
        const seen = collect(at.another().observe('mine'))
        await seen.first(1)
        await at.another().close()
        await seen.completion()
        expect(seen.errors).to.deep.equal([])
        await eventually(() => expect(running).to.equal(0))
      },
    )

    it('close() of a bus that observes its own exposure completes it, as topic() does', async () => {
      let running = 0
      await exposing(
        'own',
        () =>
          new Observable(subscriber => {
            running += 1
            subscriber.next(1)
            return () => (running -= 1)
          }),
      )
      const seen = collect(at.bus().observe('own'))
      await seen.first(1)
      expect(running).to.equal(1)
      await at.bus().close()
      expect(seen.errors).to.deep.equal([])
      expect(seen.completed).to.equal(true)
      expect(running).to.equal(0)
    })

    itWith(at, 'severalBuses', 'a bus that closes begins nothing more, however long it drains', async () => {
      let begun = 0
      const held = collect(at.bus().topic('held', { ack: 'manual' }))
      await exposing('mine', () => {
        begun += 1
        return of(1)
      })
      await at.another().publish('held')
      const [message] = await held.first(1)
      const closing = at.bus().close()
      await eventually(async () => {
        expect(await collect(at.another().observe('mine')).failure()).to.be.instanceOf(NotExposedError)
      })
      expect(begun).to.equal(0)
      message?.ack()
      await closing
    })

    it('both fail on a closed bus', async () => {
      const exposed = await exposing('mine', () => NEVER)
      await at.bus().close()
      expect(exposed.closed).to.equal(true)
      expect(thrown(() => at.bus().expose('x', () => of(1)))).to.be.instanceOf(ClosedError)
      expect(await rejection(firstValueFrom(at.bus().observe('x')))).to.be.instanceOf(ClosedError)
    })

    it('both refuse wrong names and factories', () => {
      const bus = at.bus()
      for (const name of ['', 'x'.repeat(181), 7, undefined, null]) {
        expect(thrown(() => bus.expose(name as never, () => of(1)))).to.be.instanceOf(InvalidOptionError)
        expect(thrown(() => bus.observe(name as never))).to.be.instanceOf(InvalidOptionError)
      }
      for (const factory of [undefined, of(1), 'f'])
        expect(thrown(() => bus.expose('x', factory as never))).to.be.instanceOf(MsgvanError)
    })
  })
}
