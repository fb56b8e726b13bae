import { expect } from 'chai'
import { map, Observable, tap } from 'rxjs'
import { SubscriberError, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, publishAll, reports, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

type Throwing = (source: Observable<unknown>) => { subscribe(): void }

export function failure(at: Connected): void {
  describe('failure', () => {
    const boom = () => {
      throw new Error('boom')
    }
    const ends: Record<string, Throwing> = {
      'bare, as a function': source => ({ subscribe: () => void source.subscribe(boom) }),
      'bare, in an observer': source => ({ subscribe: () => void source.subscribe({ next: boom }) }),
      'at the end of a pipe': source => ({
        subscribe: () => void source.pipe(map(value => value)).subscribe(boom),
      }),
    }

    for (const [where, end] of Object.entries(ends)) {
      it(`a throw in next (${where}) fails the message and comes again; it reaches neither publisher nor neighbours`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const attempts: number[] = []
        const [before, failing$] = [
          collect(bus.topic('t')),
          bus.topic('t', { name: 'w', delay: 0, attempts: 3 }),
        ]
        end(failing$.pipe(tap(message => attempts.push(message.attempt)))).subscribe()
        const after = collect(bus.topic('t'))
        await bus.publish('t', 1)
        await untilStatus(bus, 'w', { failed: 3, deadLettered: 1, consumers: 1 })
        await bus.publish('marker')
        expect(attempts).to.deep.equal([1, 2, 3])
        expect(payloads(await before.first(1))).to.deep.equal([1])
        expect(payloads(await after.first(1))).to.deep.equal([1])
        await eventually(() => expect(reported.values).to.have.lengthOf(3))
        for (const report of reported.values) {
          expect(report).to.be.instanceOf(SubscriberError)
          expect(report).to.include({ code: 'MSGVAN_SUBSCRIBER', topic: 't' })
          expect((report.cause as Error).message).to.equal('boom')
        }
      })
    }

    it('a subscriber that always throws, with no delay and no last attempt, leaves the timers of its process their turn', async () => {
      const bus = at.bus()
      const seen: Message[] = []
      let hadTurn = false
      bus.topic('t', { name: 'w', delay: 0, attempts: Infinity }).subscribe(message => {
        seen.push(message)
        if (!hadTurn && seen.length < 20_000) throw new Error('boom')
      })
      await bus.ready()
      setTimeout(() => (hadTurn = true))
      await bus.publish('t')
      await untilStatus(bus, 'w', { acked: 1, inFlight: 0 })
      expect(seen).to.have.lengthOf.below(20_000)
    })

    // What RxJS's types allow, and the linter does not: the promise is the point here.
    /* eslint-disable @typescript-eslint/no-misused-promises */
    const asyncEnds: Record<string, (source: Observable<Message>, work: () => Promise<void>) => void> = {
      'bare, as a function': (source, work) => void source.subscribe(work),
      'bare, in an observer': (source, work) => void source.subscribe({ next: work }),
      'at the end of a pipe': (source, work) => void source.pipe(map(value => value)).subscribe(work),
    }
    /* eslint-enable @typescript-eslint/no-misused-promises */
    for (const [where, subscribe] of Object.entries(asyncEnds)) {
      it(`a promise that a subscriber returns (${where}) and that is rejected is reported; the message is acked by then`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const unhandled: unknown[] = []
        const notice = (error: unknown): void => void unhandled.push(error)
        process.on('unhandledRejection', notice)
        try {
          let calls = 0
          subscribe(bus.topic('t', { name: 'w', delay: 0 }), async () => {
            calls += 1
            await Promise.resolve()
            throw new Error('boom')
          })
          await bus.publish('t')
          await eventually(() => expect(reported.values).to.have.lengthOf(1))
          const [report] = reported.values
          expect(report).to.be.instanceOf(SubscriberError).and.include({ topic: 't' })
          expect(report?.message).to.equal(
            'The promise of a subscriber of "t" was rejected: Error: boom. The message was acknowledged before: use `handle` for async work.',
          )
          expect((report?.cause as Error).message).to.equal('boom')
          await untilStatus(bus, 'w', { acked: 1, failed: 0, pending: 0, inFlight: 0 })
          expect(calls).to.equal(1)
          expect(unhandled).to.deep.equal([])
        } finally {
          process.off('unhandledRejection', notice)
        }
      })
    }

    it('`delay` may be a list, one for each failure, the last repeated', async () => {
      const bus = at.bus()
      const attempts: number[] = []
      bus.topic('t', { name: 'w', attempts: 4, delay: [0, 1] }).subscribe(message => {
        attempts.push(message.attempt)
        message.nack()
      })
      await bus.publish('t')
      await untilStatus(bus, 'w', { failed: 4, deadLettered: 1 })
      expect(attempts).to.deep.equal([1, 2, 3, 4])
    })

    it('a throw in next is reported exactly once, and comes again as attempt 2', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const seen: [number, boolean][] = []
      bus.topic('t', { name: 'w', delay: 0 }).subscribe(message => {
        seen.push([message.attempt, message.redelivered])
        if (message.attempt === 1) throw new Error('once')
      })
      await bus.publish('t')
      await untilStatus(bus, 'w', { failed: 1, acked: 1, redelivered: 1 })
      expect(seen).to.deep.equal([
        [1, false],
        [2, true],
      ])
      expect(reported.values).to.have.lengthOf(1)
    })

    it('an error of the pipeline without an error handler is reported once, fails its message, and ends that subscriber alone', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const neighbour = collect(bus.topic('t'))
      bus
        .topic<number>('t', { name: 'w', delay: 0 })
        .pipe(
          map(message => {
            if (message.payload === 2) throw new Error('no two')
            return message.payload
          }),
        )
        .subscribe()
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { consumers: 0, acked: 1, failed: 1, pending: 2 })
      expect(reported.values).to.have.lengthOf(1)
      expect(reported.values[0]).to.be.instanceOf(SubscriberError)
      expect(reported.values[0]).to.include({ topic: 't' })
      expect(payloads(await neighbour.first(3))).to.deep.equal([1, 2, 3])
      const next = collect(bus.topic<number>('t', { name: 'w' }))
      const again = await next.first(2)
      expect(again.map(({ payload, attempt }) => [payload, attempt])).to.deep.equal([
        [2, 2],
        [3, 1],
      ])
    })

    it('an error of the pipeline with an error handler goes there, and not to errors$', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const seen = collect(bus.topic('t', { name: 'w' }).pipe(map(boom)))
      await bus.publish('t')
      expect(await seen.failure()).to.include({ message: 'boom' })
      await untilStatus(bus, 'w', { consumers: 0, failed: 1, acked: 0 })
      expect(reported.values).to.deep.equal([])
    })

    it('a throw in the error or complete handler is reported, not lost', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus
        .topic('t')
        .pipe(map(boom))
        .subscribe({ error: () => { throw new Error('in error') } }) // prettier-ignore
      bus.topic('u', { name: 'w' }).subscribe({ complete: () => { throw new Error('in complete') } }) // prettier-ignore
      await bus.publish('t')
      await bus.ready()
      await bus.unsubscribe('w')
      await eventually(() =>
        expect(reported.values.map(each => (each.cause as Error).message)).to.deep.equal([
          'in error',
          'in complete',
        ]),
      )
    })

    for (const odd of [undefined, null, 'text', 0, Object.freeze(['frozen']), Symbol('s')]) {
      it(`takes ${String(odd)} as what was thrown`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        bus.topic('t', { name: 'w', attempts: 1 }).subscribe(() => {
          throw odd
        })
        await bus.publish('t')
        await untilStatus(bus, 'w', { failed: 1, deadLettered: 1 })
        expect(reported.values[0]?.cause).to.equal(odd)
      })
    }

    it('a subscriber that always throws does not slow the others', async () => {
      const bus = at.bus()
      bus.topic('t', { delay: 0, attempts: 2 }).subscribe(boom)
      const seen = collect(bus.topic('t'))
      const values = Array.from({ length: 200 }, (_, at) => at)
      await publishAll(bus, 't', values)
      expect(payloads(await seen.first(200))).to.deep.equal(values)
    })
  })
}
