import { expect } from 'chai'
import { firstValueFrom, NEVER, repeat, retry, Subject, take } from 'rxjs'
import { ClosedError, handle, InvalidOptionError, type TopicOptions } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  rejection,
  reports,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function lifecycle(at: Connected): void {
  describe('state$ and ready()', () => {
    it('state$ replays the current state, and completes after closed', async () => {
      const bus = at.bus()
      await bus.ready()
      const states = collect(bus.state$)
      expect(await states.first(1)).to.deep.equal(['connected'])
      await bus.close()
      await states.completion()
      expect(states.values).to.deep.equal(['connected', 'closed'])
      const after = collect(bus.state$)
      await after.completion()
      expect(after.values).to.deep.equal(['closed'])
    })

    it('state$ says closed to those too who ask when it is over', async () => {
      const bus = at.bus()
      await bus.ready()
      await bus.close()
      expect(await firstValueFrom(bus.state$)).to.equal('closed')
    })

    it('ready() resolves as often as it is asked', async () => {
      const bus = at.bus()
      await Promise.all([bus.ready(), bus.ready()])
      await bus.ready()
    })
  })

  describe('close', () => {
    it('completes every Observable of the bus', async () => {
      const bus = at.bus()
      const all = [
        collect(bus.topic('t')),
        collect(bus.topic(/t/, { name: 'w' })),
        collect(bus.topic('t').pipe(take(5))),
        collect(bus.subject('s')),
        collect(bus.errors$),
        collect(bus.state$),
        collect(bus.deadLetters()),
      ]
      await bus.ready()
      await bus.close()
      for (const each of all) {
        await each.completion()
        expect(each.errors).to.deep.equal([])
      }
    })

    it('refuses wrong options, and closes nothing then', async () => {
      const bus = at.bus()
      for (const options of [{ timeout: -1 }, { timeout: NaN }, { drain: 'no' }, { force: true }, null])
        expect(await rejection(bus.close(options as never))).to.be.instanceOf(InvalidOptionError)
      await bus.publish('t')
    })

    it('gives the same promise the second time', async () => {
      const bus = at.bus()
      const first = bus.close()
      expect(bus.close({ drain: false })).to.equal(first)
      await first
      expect(bus.close()).to.equal(first)
    })

    it('afterwards every call fails with ClosedError', async () => {
      const bus = at.bus()
      await bus.close()
      const calls = [
        () => bus.publish('t'),
        () => bus.ready(),
        () => bus.status(),
        () => bus.unsubscribe('w'),
        () => bus.deadLetters().list(),
        () => bus.deadLetters().replay(),
        () => bus.deadLetters().purge(),
        () => firstValueFrom(bus.topic('t')),
        () => firstValueFrom(bus.topic('t', { name: 'w' })),
      ]
      for (const [index, call] of calls.entries()) {
        expect(await rejection(call()), `call ${index}`).to.be.instanceOf(ClosedError)
      }
    })

    it('ends pipelines that repeat or retry', async () => {
      const bus = at.bus()
      const seen = [
        collect(bus.topic('t').pipe(take(1), repeat())),
        collect(bus.topic('t').pipe(take(1), repeat(), retry())),
        collect(bus.topic('t', { name: 'w' }).pipe(take(1), repeat())),
        collect(bus.topic('t').pipe(repeat())),
      ]
      await publishAll(bus, 't', [1, 2])
      for (const each of seen) await each.first(2)
      await bus.close()
      for (const each of seen) {
        await each.completion()
        expect(each.errors).to.deep.equal([])
      }
    })

    it('waits for what was handed out, by default', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await publishAll(bus, 't', [1, 2])
      const messages = await seen.first(2)
      let closed = false
      const closing = bus.close().then(() => (closed = true))
      await new Promise(resolve => setImmediate(resolve))
      expect(closed).to.equal(false)
      expect(messages[0]?.ack()).to.equal(true)
      await new Promise(resolve => setImmediate(resolve))
      expect(closed).to.equal(false)
      expect(messages[1]?.ack()).to.equal(true)
      await closing
      await seen.completion()
    })

    it('waits for a message that first() took along, too', async () => {
      const bus = at.bus()
      const messages = firstValueFrom(bus.topic('t', { name: 'w', ack: 'manual' }))
      await bus.publish('t')
      const message = await messages
      let closed = false
      const closing = bus.close().then(() => (closed = true))
      await new Promise(resolve => setImmediate(resolve))
      expect(closed).to.equal(false)
      expect(message.ack()).to.equal(true)
      await closing
    })

    it('lets running handlers finish what they have', async () => {
      const bus = at.bus()
      const done: number[] = []
      const work = (message: { payload: number }) =>
        new Promise<void>(resolve =>
          setImmediate(() => {
            done.push(message.payload)
            resolve()
          }),
        )
      bus.topic<number>('t').pipe(handle(work)).subscribe()
      await bus.ready()
      await publishAll(bus, 't', upTo(5))
      await untilStatus(bus, 't', { inFlight: 5 }).catch(() => undefined)
      await bus.close()
      expect(done).to.deep.equal(upTo(5))
    })

    it('waits no longer than `timeout`', async () => {
      const bus = at.bus()
      bus
        .topic('t')
        .pipe(handle(() => NEVER))
        .subscribe()
      await bus.publish('t')
      await untilStatus(bus, 't', { inFlight: 1 })
      const problems = reports(bus)
      await bus.close({ timeout: 10 })
      expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_DRAIN_TIMEOUT'])
      expect(problems.values[0]?.message).to.contain('1 deliveries not settled (t: 1)')
    })

    for (const timeout of [2 ** 31, Infinity]) {
      it(`waits as long as a \`timeout\` of ${timeout}, which no timer has`, async () => {
        const bus = at.bus()
        const work = new Subject<void>()
        let isDone = false
        bus
          .topic('t')
          .pipe(handle(() => work))
          .subscribe()
        await bus.ready({ timeout })
        await bus.publish('t')
        await untilStatus(bus, 't', { inFlight: 1 })
        const problems = reports(bus)
        const closed = bus.close({ timeout })
        // A timer that is too long is one of 1 ms.
        setTimeout(() => {
          isDone = true
          work.complete()
        }, 10)
        await closed
        expect(isDone).to.equal(true)
        expect(problems.values).to.deep.equal([])
      })
    }

    it('names and counts what waits for a retry, and ends with the bus', async () => {
      const bus = at.bus()
      bus.topic('t', { delay: 60_000 }).subscribe(message => message.nack())
      await bus.ready()
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 't', { failed: 2 })
      const problems = reports(bus)
      await bus.close()
      expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_DRAIN_TIMEOUT'])
      expect(problems.values[0]?.message).to.contain(
        'close() left behind: 2 messages not handed out (t: 2), 2 of them before a retry.',
      )
    })

    it('names and counts what waits for a retry beside deliveries that are not settled', async () => {
      const bus = at.bus()
      bus
        .topic('t', { delay: 60_000, ack: 'manual' })
        .subscribe(message => message.payload === 1 && message.nack())
      await bus.ready()
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 't', { failed: 1, inFlight: 1 })
      const problems = reports(bus)
      await bus.close({ timeout: 10 })
      expect(problems.values[0]?.message).to.contain(
        'Left behind: 1 deliveries not settled (t: 1), 1 messages not handed out (t: 1), 1 of them before a retry.',
      )
    })

    it('says nothing of a message that came again and was done', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { delay: 1, ack: 'manual' }))
      await bus.publish('t')
      const [first] = await seen.first(1)
      first?.nack()
      const [, second] = await seen.first(2)
      second?.ack()
      const problems = reports(bus)
      await bus.close()
      expect(problems.values).to.deep.equal([])
    })

    it('shows what a subscription without a name took along, and counts it, until it is settled', async () => {
      const bus = at.bus()
      const taken = collect(bus.topic(/^t/, { ack: 'manual' }).pipe(take(1)))
      const later = collect(bus.topic(/^t/, { ack: 'manual' }).pipe(take(1)))
      await bus.publish('t')
      const [message] = await taken.first(1)
      await later.first(1)
      const lingering = async () =>
        (await bus.status()).subscriptions.map(({ pattern, consumers, inFlight, delivered, acked }) => {
          return { pattern, consumers, inFlight, delivered, acked }
        })
      const one = { pattern: '/^t/', consumers: 0, inFlight: 1, delivered: 1, acked: 0 }
      await eventually(async () => expect(await lingering()).to.deep.equal([one, one]))
      expect(message?.ack()).to.equal(true)
      await eventually(async () => expect(await lingering()).to.deep.equal([one]))
      expect((await bus.status()).counters).to.include({ delivered: 2, acked: 1 })
      const problems = reports(bus)
      await bus.close({ timeout: 10 })
      expect(problems.values[0]?.message)
        .to.contain('1 deliveries not settled (/^t/: 1)')
        .and.contain('without a name they are gone')
    })

    it('waits not at all with drain: false', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { ack: 'manual' }))
      await bus.publish('t')
      const [message] = await seen.first(1)
      await bus.close({ drain: false })
      await seen.completion()
      expect(message?.ack()).to.equal(false)
    })

    it('takes over what was published before it', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.ready()
      const calls = upTo(10).map(n => bus.publish('t', n))
      await bus.close()
      await Promise.all(calls)
      expect(seen.values).to.have.lengthOf(10)
    })

    itWith(
      at,
      'severalBuses',
      'does what was asked for before it in the turn in which the bus was made, too',
      async () => {
        const first = at.bus()
        const seen = collect(first.topic('t'))
        first.topic('w', { name: 'w' }).subscribe().unsubscribe()
        await first.ready()
        const bus = at.another()
        const problems = reports(bus)
        bus.topic('q', { name: 'q' }).subscribe()
        const published = upTo(3).map(n => bus.publish('t', n))
        bus.subject('t').next(4)
        const removed = bus.unsubscribe('w')
        await bus.close()
        await Promise.all(published)
        expect(await removed).to.equal(true)
        expect(payloads(await seen.first(4))).to.deep.equal([...upTo(3), 4])
        expect((await first.status()).subscriptions.map(({ name }) => name))
          .to.include('q')
          .and.not.include('w')
        expect(problems.values).to.deep.equal([])
      },
    )

    it('ends publishes that are held back: accepted or refused, never left open', async () => {
      const bus = at.bus()
      const first = bus.topic('t', { name: 'w', maxPending: 1 }).subscribe()
      await bus.ready()
      first.unsubscribe()
      await bus.publish('t', 1)
      const held = bus.publish('t', 2)
      await untilStatus(bus, 'w', { pausing: true })
      const [outcome] = await Promise.all([rejection(held), bus.close({ timeout: 10 })])
      expect(outcome).to.be.instanceOf(ClosedError)
    })

    it('can be called inside a handler', async () => {
      const bus = at.bus()
      let closing: Promise<void> | undefined
      const seen: unknown[] = []
      bus.topic('t').subscribe(message => {
        seen.push(message.payload)
        closing = bus.close()
      })
      await bus.publish('t', 1)
      await eventually(() => expect(closing).to.not.equal(undefined))
      await closing
      expect(seen).to.deep.equal([1])
    })
  })

  describe('options of topic()', () => {
    it('are checked at once', () => {
      const wrong: Record<string, unknown>[] = [
        { ack: 'never' },
        { prefetch: 0 },
        { prefetch: -1 },
        { prefetch: NaN },
        { prefetch: '5' },
        { attempts: 0 },
        { delay: -1 },
        { delay: 'soon' },
        { ackTimeout: -1 },
        { ackTimeout: NaN },
        { maxPending: 0 },
        { overflow: 'burst' },
        { ordered: 'yes' },
        { atempts: 3 },
        { from: 'end' },
        { from: -1 },
        { from: 1.5 },
        { from: { last: 0 } },
        { from: new Date('never') },
      ]
      for (const options of wrong) {
        expect(
          thrown(() => at.bus().topic('t', options as TopicOptions)),
          JSON.stringify(options),
        ).to.be.instanceOf(InvalidOptionError)
      }
    })

    it('undefined is as good as left out', async () => {
      const bus = at.bus()
      const options = {
        name: undefined,
        ack: undefined,
        prefetch: undefined,
        from: undefined,
      } as unknown as TopicOptions
      const seen = collect(bus.topic('t', options))
      await bus.publish('t')
      await seen.first(1)
    })
  })

  describe('errors$', () => {
    it('is hot, and never errs itself', async () => {
      const bus = at.bus()
      const early = reports(bus)
      bus.topic('t', { delay: 0 }).subscribe(message => {
        if (message.attempt === 1) throw new Error('x')
      })
      await bus.publish('t')
      await early.first(1)
      const late = reports(bus)
      await bus.publish('t')
      await early.first(2)
      expect(late.values).to.have.lengthOf(1)
      expect(early.errors).to.deep.equal([])
    })
  })
}
