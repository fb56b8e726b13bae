import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { firstValueFrom, map, NEVER, Observable, repeat, retry, Subject } from 'rxjs'
import { ClosedError, handle, InvalidOptionError, type Bus } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  reports,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

const why = new Error('enough')
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length
const names = async (bus: Bus): Promise<(string | null)[]> =>
  (await bus.status()).subscriptions.map(({ name, pattern }) => name ?? pattern)

/** A publish that waits for room in a named subscription. */
async function held(bus: Bus, signal: AbortSignal): Promise<{ publish: Promise<void> }> {
  const first = bus.topic('t', { name: 'w', maxPending: 1 }).subscribe()
  await bus.ready()
  first.unsubscribe()
  await untilStatus(bus, 'w', { consumers: 0 })
  await bus.publish('t', 1)
  const publish = bus.publish('t', 2, { signal })
  await untilStatus(bus, 'w', { pausing: true })
  return { publish }
}

export function aborting(at: Connected): void {
  describe('a signal of topic()', () => {
    it('completes it, and removes the subscription', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const { signal } = controller
      const seen = [
        collect(bus.topic('t', { signal })),
        collect(bus.topic(/t/, { signal, name: 'w' })),
        collect(bus.topic('t', { signal }).pipe(handle(message => message.payload))),
      ]
      await bus.publish('t', 1)
      for (const each of seen) await each.first(1)
      expect(listeners(signal)).to.equal(1)
      controller.abort(why)
      for (const each of seen) {
        expect(each.completed).to.equal(true)
        expect(each.errors).to.deep.equal([])
      }
      expect(listeners(signal)).to.equal(0)
      await bus.publish('t', 2)
      await eventually(async () => expect(await names(bus)).to.deep.equal(['w']))
      await untilStatus(bus, 'w', { pending: 1, consumers: 0 })
      for (const each of seen) expect(each.values).to.have.lengthOf(1)
    })

    it('that aborted before, completes it at once, and subscribes to nothing', async () => {
      const bus = at.bus()
      const signal = AbortSignal.abort(why)
      for (const options of [{ signal }, { signal, name: 'w' }]) {
        const seen = collect(bus.topic('t', options))
        expect(seen.completed).to.equal(true)
        expect(seen.errors).to.deep.equal([])
      }
      await bus.ready()
      expect(await names(bus)).to.deep.equal([])
    })

    it('ends pipelines that repeat or retry', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const { signal } = controller
      const seen = [
        collect(bus.topic('t', { signal }).pipe(repeat())),
        collect(
          bus.topic('t', { signal }).pipe(
            retry(),
            repeat(),
            handle(() => 1),
          ),
        ),
        collect(bus.topic('t', { signal, name: 'w' }).pipe(repeat())),
        collect(bus.topic('t', { signal }).pipe(repeat({ delay: 1 }))),
      ]
      await bus.ready()
      controller.abort(why)
      for (const each of seen) {
        await each.completion()
        expect(each.errors).to.deep.equal([])
      }
      expect(listeners(signal)).to.equal(0)
    })

    it('ends a wait for retry({ delay })', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const { signal } = controller
      const again = new Subject<void>()
      const seen = collect(
        bus.topic('t', { signal }).pipe(
          map(() => {
            throw why
          }),
          retry({ delay: () => again }),
        ),
      )
      await bus.publish('t')
      await untilStatus(bus, 't', { failed: 1 })
      expect(listeners(signal)).to.equal(0)
      controller.abort(why)
      again.next()
      expect(seen).to.deep.include({ completed: true, errors: [] })
      await eventually(async () => expect(await names(bus)).to.deep.equal([]))
    })

    it('inside next() takes effect at once, and the message in hand is acked', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const seen: unknown[] = []
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(5))
      bus.topic('t', { name: 'w', signal: controller.signal }).subscribe(({ payload }) => {
        seen.push(payload)
        if (payload === 2) controller.abort(why)
      })
      await untilStatus(bus, 'w', { consumers: 0, acked: 2, pending: 3 })
      expect(seen).to.deep.equal([1, 2])
      const rest = collect(bus.topic('t', { name: 'w' }))
      expect((await rest.first(3)).map(({ payload, redelivered }) => [payload, redelivered])).to.deep.equal(
        [3, 4, 5].map(n => [n, false]),
      )
    })

    it('lets work go on that handle has in hand', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const work = new Subject<string>()
      const seen = collect(
        bus.topic('t', { name: 'w', ordered: true, signal: controller.signal }).pipe(handle(() => work)),
      )
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { inFlight: 1 })
      controller.abort(why)
      expect(seen.completed).to.equal(false)
      await untilStatus(bus, 'w', { consumers: 0, inFlight: 1 })
      work.next('done')
      work.complete()
      await seen.completion()
      expect(seen.values).to.deep.equal(['done'])
      await untilStatus(bus, 'w', { acked: 1, pending: 1, inFlight: 0 })
    })

    it('leaves messages of a name before their retry to the next subscriber, in order', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const options = { name: 'w', ordered: true, delay: 20 }
      bus.topic('t', { ...options, signal: controller.signal }).subscribe(message => {
        controller.abort(why)
        message.nack()
      })
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { consumers: 0, failed: 1 })
      const seen = collect(bus.topic('t', options))
      const found = (await seen.first(2)).map(({ payload, attempt }) => [payload, attempt])
      expect(found).to.deep.equal([
        [1, 2],
        [2, 1],
      ])
    })
  })

  describe('a signal of publish()', () => {
    it('ends the wait for a full subscription: the message is still owed, and nothing is reported', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      const controller = new AbortController()
      const { publish } = await held(bus, controller.signal)
      expect(listeners(controller.signal)).to.equal(1)
      controller.abort(why)
      expect(await rejection(publish)).to.equal(why)
      expect(listeners(controller.signal)).to.equal(0)
      const seen = collect(bus.topic('t', { name: 'w', maxPending: 1 }))
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
      expect(problems.values.filter(({ code }) => code !== 'MSGVAN_SLOW_SUBSCRIPTION')).to.deep.equal([])
    })

    it('that aborted before, publishes nothing', async () => {
      const bus = at.bus()
      const problems = reports(bus)
      const seen = collect(bus.topic('t'))
      await bus.ready()
      expect(await rejection(bus.publish('t', 1, { signal: AbortSignal.abort(why) }))).to.equal(why)
      // No unhandled rejection ends the process.
      void bus.publish('t', 1, { signal: AbortSignal.abort(why) })
      await bus.publish('t', 2, { signal: new AbortController().signal })
      expect(payloads(await seen.first(1))).to.deep.equal([2])
      expect(problems.values).to.deep.equal([])
    })

    it('rejects with any reason, and with an AbortError by default', async () => {
      const bus = at.bus()
      expect(await rejection(bus.publish('t', 1, { signal: AbortSignal.abort('text') }))).to.equal('text')
      const error = await rejection(bus.publish('t', 1, { signal: AbortSignal.abort() }))
      expect(error).to.include({ name: 'AbortError' })
    })

    it('leaves nothing at a signal that lives long', async () => {
      const bus = at.bus()
      const { signal } = new AbortController()
      const calls = upTo(500).map(n => bus.publish('t', n, { signal }))
      expect(listeners(signal)).to.be.at.most(1)
      await Promise.all(calls)
      await bus.ready({ signal, timeout: 10_000 })
      await bus.ready({ signal })
      upTo(100).forEach(() => bus.topic('t', { signal }).subscribe().unsubscribe())
      bus.reply('answers', ({ payload }) => payload)
      await bus.ready()
      const asked = upTo(50).map(n => bus.request('answers', n, { signal }))
      expect(listeners(signal)).to.be.at.most(1)
      await Promise.all(asked)
      collect(bus.observe('none', 1, { signal })).unsubscribe()
      bus.actors.ref('none').ask(1, { signal }).subscribe().unsubscribe()
      await rejection(bus.publish('', 1, { signal }))
      expect(listeners(signal)).to.equal(0)
      await bus.close({ signal })
      expect(listeners(signal)).to.equal(0)
      expect(await rejection(bus.publish('t', 1, { signal }))).to.be.instanceOf(ClosedError)
      expect(listeners(signal)).to.equal(0)
    })
  })

  describe('a signal of ready()', () => {
    it('that aborted before, rejects with its reason, and the bus goes on', async () => {
      const bus = at.bus()
      expect(await rejection(bus.ready({ signal: AbortSignal.abort(why) }))).to.equal(why)
      await bus.ready()
    })
  })

  describe('a signal of observe()', () => {
    it('ends it with the reason, and unsubscribes the exposed one', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const { signal } = controller
      let running = 0
      bus.expose(
        'n',
        () =>
          new Observable<number>(subscriber => {
            running += 1
            subscriber.next(running)
            return () => (running -= 1)
          }),
      )
      await bus.ready()
      const seen = collect(bus.observe('n', 1, { signal }))
      await seen.first(1)
      controller.abort(why)
      expect(seen.errors).to.deep.equal([why])
      await eventually(() => expect(running).to.equal(0))
      expect(listeners(signal)).to.equal(0)
    })

    it('that aborted before, ends it at once, and begins nothing; retry() does not go on for ever', async () => {
      const bus = at.bus()
      let begun = 0
      bus.expose('n', () => {
        begun += 1
        return NEVER
      })
      await bus.ready()
      const signal = AbortSignal.abort(why)
      expect(await rejection(firstValueFrom(bus.observe('n', 1, { signal })))).to.equal(why)
      const retried = collect(bus.observe('n', 1, { signal }).pipe(retry()))
      expect(retried.completed).to.equal(true)
      const controller = new AbortController()
      const running = collect(bus.observe('n', 1, { signal: controller.signal }).pipe(retry()))
      await eventually(() => expect(begun).to.equal(1))
      controller.abort(why)
      expect(running).to.deep.include({ completed: true, errors: [] })
      expect(begun).to.equal(1)
    })
  })

  describe('a signal of ask()', () => {
    it('that aborted before, ends it with the reason', async () => {
      const actor = at.bus().actors.ref('none')
      const signal = AbortSignal.abort(why)
      expect(await rejection(firstValueFrom(actor.ask(1, { signal })))).to.equal(why)
      expect(collect(actor.ask(1, { signal }).pipe(retry())).completed).to.equal(true)
    })
  })

  describe('a signal of close()', () => {
    it('ends the wait for work in hand: the bus closes at once, and says what it leaves behind', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      bus
        .topic('t')
        .pipe(handle(() => NEVER))
        .subscribe()
      await bus.publish('t')
      await untilStatus(bus, 't', { inFlight: 1 })
      const states = collect(bus.state$)
      const problems = reports(bus)
      const closing = bus.close({ timeout: Infinity, signal: controller.signal })
      await new Promise(resolve => setImmediate(resolve))
      expect(states.values.at(-1)).to.not.equal('closed')
      controller.abort(why)
      expect(await rejection(closing)).to.equal(why)
      await bus.close()
      expect(states.values.at(-1)).to.equal('closed')
      expect(problems.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_DRAIN_TIMEOUT'])
      expect(problems.values[0]?.message).to.match(
        /^close\(\) was aborted\. Left behind: 1 deliveries not settled \(t: 1\)/,
      )
      expect(listeners(controller.signal)).to.equal(0)
    })

    it('ends the wait of an earlier call, too', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      bus
        .topic('t', { name: 'w', ordered: true, ackTimeout: 500 })
        .pipe(handle(() => NEVER))
        .subscribe()
      await bus.publish('t')
      await untilStatus(bus, 'w', { inFlight: 1 })
      const first = bus.close({ timeout: Infinity })
      const second = bus.close({ signal: controller.signal })
      expect(bus.close()).to.equal(first)
      controller.abort(why)
      expect(await rejection(second)).to.equal(why)
      await first
    })

    it('that aborted before, leaves the bus open', async () => {
      const bus = at.bus()
      expect(await rejection(bus.close({ signal: AbortSignal.abort(why) }))).to.equal(why)
      await bus.publish('t')
      const closing = bus.close({ signal: new AbortController().signal })
      await closing
      expect(await rejection(bus.publish('t'))).to.be.instanceOf(ClosedError)
    })
  })

  describe('using', () => {
    it('closes a bus, which drains', async () => {
      const first = at.bus()
      const done: unknown[] = []
      const use = async (): Promise<void> => {
        await using bus = first
        bus
          .topic('t')
          .pipe(
            handle(async message => {
              await new Promise(resolve => setImmediate(resolve))
              done.push(message.payload)
            }),
          )
          .subscribe()
        await publishAll(bus, 't', [1, 2])
      }
      await use()
      expect(done).to.deep.equal([1, 2])
      expect(await rejection(first.publish('t'))).to.be.instanceOf(ClosedError)
    })

    it('ends a subscription and an exposure', async () => {
      const bus = at.bus()
      {
        using subscription = bus.topic('t').subscribe()
        using exposed = bus.expose('n', () => NEVER)
        await bus.ready()
        expect(await names(bus)).to.include('t')
        expect([subscription.closed, exposed.closed]).to.deep.equal([false, false])
      }
      await eventually(async () => expect(await names(bus)).to.not.include('t'))
      // Behind a pipe only the types do not know.
      const piped = bus.topic('t').pipe(retry()).subscribe()
      ;(piped as unknown as Disposable)[Symbol.dispose]()
      expect(piped.closed).to.equal(true)
    })
  })

  it('a signal that is none is refused', async () => {
    const bus = at.bus()
    for (const signal of [{}, 'abort', new AbortController(), null, new Date()] as never[]) {
      expect(thrown(() => bus.topic('t', { signal }))).to.be.instanceOf(InvalidOptionError)
      expect(thrown(() => bus.observe('n', 1, { signal }))).to.be.instanceOf(InvalidOptionError)
      expect(thrown(() => bus.actors.ref('a').ask(1, { signal }))).to.be.instanceOf(InvalidOptionError)
      for (const call of [
        bus.publish('t', 1, { signal }),
        bus.ready({ signal }),
        bus.close({ signal }),
        bus.subscribeHandler('h', { module: 'm' }, 't', { signal }),
      ])
        expect(await rejection(call)).to.be.instanceOf(InvalidOptionError)
    }
    const { signal } = new AbortController()
    for (const call of [
      bus.subscribeHandler('h', { module: 'm' }, 't', { signal }),
      bus.subscribeActor('h', 'a', 't', { signal }),
    ])
      expect(((await rejection(call)) as Error).message).to.contain('A signal cannot cross to the host')
  })
}
