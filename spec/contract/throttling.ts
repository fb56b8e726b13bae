import { expect } from 'chai'
import { Observable } from 'rxjs'
import {
  handle,
  InvalidOptionError,
  NameTakenError,
  type Message,
  type TopicOptions,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  statusOf,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

/** The most begins within `per` milliseconds, wherever these begin. */
function mostWithin(times: readonly number[], per: number): number {
  return Math.max(...times.map(from => times.filter(time => time >= from && time < from + per).length))
}

export function throttling(at: Connected): void {
  describe('a rate', () => {
    const rate = { messages: 3, per: 200 }

    it('holds over all consumers, in every window, from a burst to its end', async () => {
      const bus = at.bus()
      const begun: number[] = []
      const work = () => void begun.push(performance.now())
      bus.topic('t', { name: 'w', rate }).subscribe(work)
      at.another()
        .topic('t', { name: 'w', rate })
        .pipe(handle(work, { concurrency: 4 }))
        .subscribe()
      await bus.ready()
      await at.another().ready()
      await publishAll(bus, 't', upTo(10))
      await untilStatus(bus, 'w', { acked: 10, pending: 0 })
      expect(begun).to.have.lengthOf(10)
      expect(mostWithin(begun, rate.per)).to.be.at.most(3)
    })

    it('holds across the end of consumers, counts retries, and is for unnamed subscriptions, too', async () => {
      const bus = at.bus()
      const begun: number[] = []
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(4))
      const attempts: number[] = []
      for (let round = 0; round < 2; round += 1) {
        const seen = bus.topic('t', { name: 'w', rate, delay: 0, attempts: 2 }).subscribe(message => {
          begun.push(performance.now())
          attempts.push(message.attempt)
          if (message.attempt === 1) throw new Error('once')
        })
        await eventually(() => expect(begun.length).to.be.at.least(3 * round + 3))
        seen.unsubscribe()
      }
      bus
        .topic('t', { name: 'w', rate, delay: 0, attempts: 2 })
        .subscribe(() => void begun.push(performance.now()))
      await untilStatus(bus, 'w', { acked: 4, pending: 0 })
      expect(mostWithin(begun, rate.per)).to.be.at.most(3)
      expect(attempts).to.include(2)

      const unnamed: number[] = []
      bus.topic('u', { rate }).subscribe(() => void unnamed.push(performance.now()))
      await bus.ready()
      await publishAll(bus, 'u', upTo(7))
      await untilStatus(bus, 'u', { acked: 7 })
      expect(mostWithin(unnamed, rate.per)).to.be.at.most(3)
    })

    it('counts a message that waits at its consumer until it has begun', async () => {
      const bus = at.bus()
      const begun: number[] = []
      let end: () => void = () => undefined
      const first = new Observable<never>(subscriber => {
        end = () => subscriber.complete()
      })
      bus
        .topic('t', { name: 'w', rate })
        .pipe(
          handle(({ payload }) => {
            begun.push(performance.now())
            return payload === 1 ? first : []
          }),
        )
        .subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(8))
      await untilStatus(bus, 'w', { inFlight: 3, pending: 5 })
      // Longer than the window: without it, the messages that came meanwhile would all begin now.
      await eventually(() => expect(performance.now() - (begun[0] ?? 0)).to.be.above(2 * rate.per))
      end()
      await untilStatus(bus, 'w', { acked: 8 })
      expect(mostWithin(begun, rate.per)).to.be.at.most(3)
    })
  })

  describe('a concurrency', () => {
    it('is the most in hand over all consumers', async () => {
      const bus = at.bus()
      const options: TopicOptions = { name: 'w', ack: 'manual', concurrency: 2 }
      const [one, other] = [collect(bus.topic('t', options)), collect(at.another().topic('t', options))]
      const had = (): Message[] => [...one.values, ...other.values]
      await bus.ready()
      await at.another().ready()
      await publishAll(bus, 't', upTo(5))
      for (let done = 0; done < 5; done += 1) {
        const inFlight = Math.min(2, 5 - done)
        await untilStatus(bus, 'w', { inFlight, acked: done, pending: 5 - done - inFlight })
        await eventually(() => expect(had()).to.have.lengthOf(done + inFlight))
        expect(had().filter(message => message.ack())).to.have.lengthOf(inFlight)
        done += inFlight - 1
      }
      expect((payloads(had()) as number[]).sort()).to.deep.equal(upTo(5))
    })

    it('is free again for others when its consumer leaves', async () => {
      const bus = at.bus()
      const options: TopicOptions = { name: 'w', ack: 'manual', concurrency: 1 }
      const one = collect(at.another().topic('t', options))
      await at.another().ready()
      await publishAll(bus, 't', [1, 2])
      await one.first(1)
      const other = collect(bus.topic('t', { ...options, ack: 'auto' }))
      await untilStatus(bus, 'w', { inFlight: 1, pending: 1, consumers: 2 })
      one.unsubscribe()
      expect((payloads(await other.first(2)) as number[]).sort()).to.deep.equal([1, 2])
    })
  })

  describe('both', () => {
    it('are rules of the name: given ones must be the same while others are attached', async () => {
      const bus = at.bus()
      const rate = { messages: 5, per: 1_000 }
      const first = collect(bus.topic('t', { name: 'w', rate, concurrency: 4 }))
      await bus.ready()
      const same = collect(at.another().topic('t', { name: 'w', rate: { ...rate }, concurrency: 4 }))
      await at.another().ready()
      for (const other of [
        { rate: { messages: 5, per: 999 } },
        { rate: { messages: 6, per: 1_000 } },
        { concurrency: 3 },
      ]) {
        const refused = collect(at.another().topic('t', { name: 'w', ...other }))
        const error = (await refused.failure()) as Error
        expect(error).to.be.instanceOf(NameTakenError)
        expect(error.message).to.contain(Object.keys(other)[0])
      }
      const replacing = collect(at.another().topic('t', { name: 'w', concurrency: 9, replace: true }))
      await at.another().ready()
      expect(await statusOf(bus, 'w')).to.include({ consumers: 3 })
      expect([...first.errors, ...same.errors, ...replacing.errors]).to.deep.equal([])
    })

    it('are refused at once if they cannot be', () => {
      const bus = at.bus()
      const wrong: unknown[] = [
        { rate: 5 },
        { rate: null },
        { rate: {} },
        { rate: { messages: 1 } },
        { rate: { messages: 0, per: 1_000 } },
        { rate: { messages: 1.5, per: 1_000 } },
        { rate: { messages: 100_001, per: 1_000 } },
        { rate: { messages: 1, per: 0 } },
        { rate: { messages: 1, per: 1, burst: 2 } },
        { concurrency: 0 },
        { concurrency: 1.5 },
        { concurrency: '4' },
      ]
      for (const options of wrong)
        expect(
          thrown(() => bus.topic('t', options as TopicOptions)),
          JSON.stringify(options),
        ).to.be.instanceOf(InvalidOptionError)
    })
  })
}
