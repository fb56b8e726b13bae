import { expect } from 'chai'
import { delay, finalize, map, NEVER, Observable, of, repeat, retry, Subject, take, throwError } from 'rxjs'
import { backoff, handle, InvalidOptionError, publishTo, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  reports,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

const value = (message: Message<number>) => message.payload

/** Blocks the event loop, in milliseconds. */
function standStill(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds)
}

export function handling(at: Connected): void {
  for (const ack of ['auto', 'manual'] as const) {
    describe(`handle, with ack: '${ack}'`, () => {
      it('acks when the work is done, not before', async () => {
        const bus = at.bus()
        const work = new Subject<string>()
        const seen = collect(bus.topic('t', { name: 'w', ack }).pipe(handle(() => work)))
        await bus.publish('t', 1)
        await untilStatus(bus, 'w', { inFlight: 1, acked: 0 })
        work.next('halfway')
        expect(await seen.first(1)).to.deep.equal(['halfway'])
        await untilStatus(bus, 'w', { inFlight: 1, acked: 0 })
        work.complete()
        await untilStatus(bus, 'w', { inFlight: 0, acked: 1 })
      })

      it('gives results downstream: of promises, Observables, arrays and plain values', async () => {
        const bus = at.bus()
        const results: ((n: number) => unknown)[] = [
          n => Promise.resolve(n),
          n => of(n, n * 10),
          n => [n, n * 100],
          n => n,
          n => `text ${n}`,
          () => undefined,
          n => ({ n }),
        ]
        const seen = collect(
          bus
            .topic<number>('t', { name: 'w', ack })
            .pipe(handle(message => results[message.payload]?.(message.payload))),
        )
        await publishAll(bus, 't', [0, 1, 2, 3, 4, 5, 6])
        expect(await seen.first(9)).to.deep.equal([0, 1, 10, 2, 200, 3, 'text 4', undefined, { n: 6 }])
        await untilStatus(bus, 'w', { acked: 7, inFlight: 0 })
      })

      it('a failure fails the message and never ends the outer stream', async () => {
        const bus = at.bus()
        const tries: string[] = []
        const reported = reports(bus)
        const work = (message: Message<number>) => {
          tries.push(`${message.payload}/${message.attempt}`)
          if (message.payload === 1 && message.attempt === 1) throw new Error('thrown')
          if (message.payload === 2 && message.attempt === 1) return throwError(() => new Error('errored'))
          if (message.payload === 3 && message.attempt === 1) return Promise.reject(new Error('rejected'))
          return Promise.resolve(message.payload)
        }
        const seen = collect(bus.topic<number>('t', { name: 'w', ack, delay: 0 }).pipe(handle(work)))
        await publishAll(bus, 't', upTo(4))
        await untilStatus(bus, 'w', { acked: 4, failed: 3, inFlight: 0, pending: 0 })
        expect([...(await seen.first(4))].sort()).to.deep.equal([1, 2, 3, 4])
        expect(tries.filter(each => each.endsWith('/2')).sort()).to.deep.equal(['1/2', '2/2', '3/2'])
        expect(seen.errors).to.deep.equal([])
        expect(reported.values).to.deep.equal([])
      })

      it('works on one at a time by default, on `concurrency` otherwise', async () => {
        const bus = at.bus()
        for (const [name, concurrency] of [
          ['one', 1],
          ['three', 3],
        ] as const) {
          // prettier-ignore
          let running = 0
          let most = 0
          const work = () =>
            new Observable<number>(subscriber => {
              running += 1
              most = Math.max(most, running)
              setImmediate(() => {
                running -= 1
                subscriber.complete()
              })
            })
          const config = concurrency === 1 ? {} : { concurrency }
          bus.topic('t', { name, ack }).pipe(handle(work, config)).subscribe()
          await bus.ready()
          await publishAll(bus, 't', upTo(12))
          await untilStatus(bus, name, { acked: 12 })
          expect(most).to.equal(concurrency)
          await bus.unsubscribe(name)
        }
      })

      it('the `attempts` and `delay` of handle override those of the subscription', async () => {
        const bus = at.bus()
        let tries = 0
        const asked: number[] = []
        const delayOf = (_: unknown, attempt: number) => {
          asked.push(attempt)
          return 0
        }
        bus
          .topic('t', { name: 'w', ack, attempts: 9, delay: 1_000_000 })
          .pipe(
            handle(
              () => {
                tries += 1
                throw new Error('never')
              },
              { attempts: 3, delay: delayOf },
            ),
          )
          .subscribe()
        await bus.publish('t')
        await untilStatus(bus, 'w', { deadLettered: 1, failed: 3 })
        expect(tries).to.equal(3)
        expect(asked.slice(0, 2)).to.deep.equal([1, 2])
      })

      it('a `delay` function that throws loses nothing', async () => {
        const bus = at.bus()
        const delayOf = () => {
          throw new Error('the delay function itself')
        }
        const work = (message: Message) => {
          if (message.attempt === 1) throw new Error('once')
          return message.attempt
        }
        const reported = reports(bus)
        const seen = collect(
          bus.topic('t', { name: 'w', ack, delay: 0 }).pipe(handle(work, { delay: delayOf })),
        )
        await bus.publish('t')
        expect(await seen.first(1)).to.deep.equal([2])
        expect(reported.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_INVALID_OPTION'])
      })

      it('unsubscribing cancels what runs and gives it back, unfailed, with what waited for its turn', async () => {
        const bus = at.bus()
        let cancelled = 0
        const seen = collect(
          bus
            .topic('t', { name: 'w', ack })
            .pipe(handle(() => NEVER.pipe(finalize(() => (cancelled += 1))), { concurrency: 2 })),
        )
        await publishAll(bus, 't', upTo(5))
        await untilStatus(bus, 'w', { inFlight: 5 })
        seen.unsubscribe()
        expect(cancelled).to.equal(2)
        await untilStatus(bus, 'w', { inFlight: 0, pending: 5, failed: 0, acked: 0 })
        const next: Message[] = []
        bus.topic('t', { name: 'w' }).subscribe(message => next.push(message))
        await untilStatus(bus, 'w', { acked: 5 })
        expect(next.map(({ payload, attempt }) => [payload, attempt])).to.deep.equal(upTo(5).map(n => [n, 1]))
      })

      it('ackTimeout is extended while the work runs', async () => {
        const bus = at.bus()
        const work = new Subject<never>()
        const started = new Subject<number>()
        const tries = collect(started)
        bus
          .topic('t', { name: 'w', ack, ackTimeout: 250 })
          .pipe(
            handle(message => {
              started.next(message.attempt)
              return work
            }),
          )
          .subscribe()
        const clock = collect(
          bus.topic('c', { name: 'c', ack: 'manual', ackTimeout: 250, delay: 0, attempts: 3 }),
        )
        await bus.publish('t')
        await tries.first(1)
        await bus.publish('c')
        await clock.first(3) // two timeouts of the same length have passed
        work.complete()
        await untilStatus(bus, 'w', { acked: 1, failed: 0 })
        expect(tries.values).to.deep.equal([1])
      })

      it('ackTimeout does not run for messages that wait for their turn', async () => {
        const bus = at.bus()
        const work = new Subject<never>()
        const tries = collect(new Subject<number>())
        bus
          .topic<number>('t', { name: 'w', ack, ackTimeout: 250, attempts: 1 })
          .pipe(
            handle(({ payload }) => {
              tries.values.push(payload)
              return payload === 1 ? work : undefined
            }),
          )
          .subscribe()
        const clock = collect(
          bus.topic('c', { name: 'c', ack: 'manual', ackTimeout: 250, delay: 0, attempts: 3 }),
        )
        await publishAll(bus, 't', upTo(3))
        await untilStatus(bus, 'w', { inFlight: 3 })
        await bus.publish('c')
        await clock.first(3) // two timeouts of the same length have passed
        expect(tries.values).to.deep.equal([1])
        work.complete()
        await untilStatus(bus, 'w', { acked: 3, failed: 0 })
        expect(tries.values).to.deep.equal(upTo(3))
      })

      it('ackTimeout of running work does not end while this process stands still', async () => {
        const bus = at.bus()
        const work = new Subject<never>()
        const tries: number[] = []
        bus
          .topic('t', { name: 'w', ack, ackTimeout: 100, attempts: 1 })
          .pipe(handle(({ attempt }) => (tries.push(attempt), work)))
          .subscribe()
        // Its time ends before the work on the other message says for the first time that it goes on.
        const early = collect(bus.topic('c', { name: 'c', ack: 'manual', ackTimeout: 100, delay: 60_000 }))
        await bus.ready()
        await bus.publish('c')
        await early.first(1)
        standStill(75)
        await bus.publish('t')
        await eventually(() => expect(tries).to.have.lengthOf(1))
        standStill(300)
        await untilStatus(bus, 'c', { failed: 1 })
        work.complete()
        await untilStatus(bus, 'w', { acked: 1, failed: 0, deadLettered: 0 })
      })

      for (const name of [undefined, 'w']) {
        it(`handle, take(1), repeat() walks on, ${name === undefined ? 'unnamed' : 'named'}`, async () => {
          const bus = at.bus()
          const options = name === undefined ? { ack } : { ack, name }
          const work = (message: Message<number>) => Promise.resolve(message.payload)
          const seen = collect(bus.topic<number>('t', options).pipe(handle(work), take(1), repeat()))
          await bus.ready()
          await publishAll(bus, 't', upTo(20))
          expect(await seen.first(20)).to.deep.equal(upTo(20))
          await untilStatus(bus, name ?? 't', { acked: 20, failed: 0, pending: 0, inFlight: 0 })
          expect(seen.values).to.have.lengthOf(20)
          seen.unsubscribe()
        })
      }

      it('take(2) after it gives back, untouched, what it never began', async () => {
        const bus = at.bus()
        await register(bus, 'w', 't')
        await publishAll(bus, 't', upTo(6))
        const seen = collect(
          bus.topic<number>('t', { name: 'w', ack }).pipe(
            handle(message => of(message.payload).pipe(delay(1))),
            take(2),
          ),
        )
        await seen.completion()
        expect(seen.values).to.deep.equal([1, 2])
        await untilStatus(bus, 'w', { acked: 2, pending: 4, inFlight: 0, failed: 0, redelivered: 0 })
      })

      it('an error further down fails the message whose result it was', async () => {
        const bus = at.bus()
        const log: string[] = []
        const work = (message: Message<number>) => of(message).pipe(delay(1))
        const seen = collect(
          bus.topic<number>('t', { name: 'w', ack }).pipe(
            handle(work, { concurrency: 3 }),
            map(message => {
              log.push(`${message.payload}/${message.attempt}`)
              if (message.payload === 2 && message.attempt === 1) throw new Error('further down')
              return message.payload
            }),
            retry(),
          ),
        )
        await publishAll(bus, 't', [1, 2, 3])
        await untilStatus(bus, 'w', { acked: 3, failed: 1, inFlight: 0, pending: 0 })
        expect(log).to.deep.equal(['1/1', '2/1', '2/2', '3/1'])
        expect(seen.values).to.deep.equal([1, 2, 3])
      })

      it('a throw in the last next() fails the message whose result it was', async () => {
        const bus = at.bus()
        const log: string[] = []
        const reported = reports(bus)
        bus
          .topic<number>('t', { name: 'w', ack, delay: 0 })
          .pipe(handle(message => Promise.resolve(message)))
          .subscribe(message => {
            log.push(`${message.payload}/${message.attempt}`)
            if (message.attempt === 1 && message.payload === 1) throw new Error('at the end')
          })
        await publishAll(bus, 't', [1, 2])
        await untilStatus(bus, 'w', { acked: 2, failed: 1 })
        expect(log.sort()).to.deep.equal(['1/1', '1/2', '2/1'])
        expect(reported.values).to.have.lengthOf(1)
      })
    })
  }

  describe('operators', () => {
    it('handle refuses wrong options at once', () => {
      for (const config of [{ concurrency: 0 }, { attempts: 0 }, { delay: -1 }, { concurrency: NaN }]) {
        expect(thrown(() => handle(value, config))).to.be.instanceOf(InvalidOptionError)
      }
    })

    it('backoff works as a `delay`', async () => {
      const bus = at.bus()
      const rule = backoff({ initial: 1, max: 2, jitter: 0 })
      bus.topic('t', { name: 'w', delay: rule, attempts: 4 }).subscribe(message => message.nack())
      await bus.publish('t')
      await untilStatus(bus, 'w', { deadLettered: 1, failed: 4 })
    })

    it('publishTo forwards messages with payload and headers, in order, and acks each once it is accepted', async () => {
      const bus = at.bus()
      const target = collect(bus.topic('u'))
      await register(bus, 'w', 't')
      for (const each of upTo(50)) await bus.publish('t', each, { headers: { n: String(each) } })
      const through = collect(bus.topic<number>('t', { name: 'w', ack: 'manual' }).pipe(publishTo(bus, 'u')))
      const messages = await target.first(50)
      expect(payloads(messages)).to.deep.equal(upTo(50))
      expect(messages.map(message => message.headers['n'])).to.deep.equal(upTo(50).map(String))
      expect(payloads(await through.first(50))).to.deep.equal(upTo(50))
      await untilStatus(bus, 'w', { acked: 50, inFlight: 0 })
    })

    it('publishTo takes plain values, and a topic per value', async () => {
      const bus = at.bus()
      const target = collect(bus.topic(/^u\d$/))
      await bus.ready()
      const through = collect(of(1, 2, 3).pipe(publishTo(bus, n => `u${n}`)))
      await through.completion()
      expect((await target.first(3)).map(({ topic, payload }) => [topic, payload])).to.deep.equal([['u1', 1], ['u2', 2], ['u3', 3]]) // prettier-ignore
    })

    it('a publish that is refused fails its message and errors the stream; those behind it stay owed', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      const count = 1_100
      await publishAll(bus, 't', upTo(count))
      const through = collect(
        bus.topic<number>('t', { name: 'w' }).pipe(publishTo(bus, n => (n.payload === 2 ? '' : 'u'))),
      )
      expect(await through.failure()).to.include({ code: 'MSGVAN_INVALID_TOPIC' })
      await eventually(async () => {
        const { acked, failed, pending, inFlight } =
          (await bus.status()).subscriptions.find(each => each.name === 'w') ?? {}
        expect(failed).to.equal(1)
        expect(inFlight).to.equal(0)
        expect((acked ?? 0) + (pending ?? 0)).to.equal(count)
        expect(pending).to.be.greaterThan(0)
      })
    })
  })
}
