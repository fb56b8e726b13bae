import { expect } from 'chai'
import { lastValueFrom, map, toArray, type Observable } from 'rxjs'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  ClosedError,
  fromReadable,
  InvalidOptionError,
  NameTakenError,
  publishTo,
  UnsupportedError,
  type Message,
  type Messages,
} from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  statusOf,
  thrown,
  untilStatus,
  upTo,
} from '../support/messages.js'
import type { Connected } from './connected.js'

const soon = (ms = 0): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const payloadOf = (result: IteratorResult<Message, unknown>): unknown =>
  result.done === true ? 'done' : result.value.payload

/** Payload and attempt of the first message, which the loop leaves by `break`. */
async function breaks(
  topic$: Messages,
): Promise<{ payload: unknown; attempt: number; redelivered: boolean }> {
  for await (const { payload, attempt, redelivered } of topic$) return { payload, attempt, redelivered }
  throw new Error('no message came')
}

const even: StandardSchemaV1<unknown, number> = {
  '~standard': {
    version: 1,
    vendor: 'spec',
    validate: async value => {
      await soon()
      return typeof value === 'number' && value % 2 === 0 ? { value } : { issues: [{ message: 'odd' }] }
    },
  },
}

export function looping(at: Connected): void {
  describe('for await', () => {
    it('acks a message when the next one is asked for, and subscribes with the first', async () => {
      const bus = at.bus()
      const loop = bus.topic('t', { name: 'w' })[Symbol.asyncIterator]()
      const first = loop.next()
      await publishAll(bus, 't', [1, 2])
      expect(payloadOf(await first)).to.equal(1)
      await untilStatus(bus, 'w', { inFlight: 1, pending: 1, acked: 0 })
      expect(payloadOf(await loop.next())).to.equal(2)
      await untilStatus(bus, 'w', { inFlight: 1, pending: 0, acked: 1 })
      const third = loop.next()
      await untilStatus(bus, 'w', { inFlight: 0, acked: 2 })
      await loop.return?.()
      expect(await third).to.deep.equal({ done: true, value: undefined })
      expect(await loop.next()).to.deep.equal({ done: true, value: undefined })
      await untilStatus(bus, 'w', { consumers: 0, acked: 2, failed: 0 })
    })

    it('gives several calls at once one message after another', async () => {
      const bus = at.bus()
      const loop = bus.topic('t', { name: 'w' })[Symbol.asyncIterator]()
      const all = upTo(3).map(() => loop.next())
      await publishAll(bus, 't', upTo(4))
      const found = (await Promise.all(all)).map(payloadOf)
      expect(found).to.deep.equal([1, 2, 3])
      await untilStatus(bus, 'w', { acked: 2, inFlight: 1 })
      await loop.return?.()
    })

    it('asks for no more than it works on: a second loop of the name gets the rest', async () => {
      const bus = at.bus()
      let release = (): void => undefined
      const held = new Promise<void>(resolve => (release = resolve))
      const seen: unknown[][] = [[], []]
      const run = async (mine: unknown[], isHeld: boolean): Promise<void> => {
        for await (const { payload } of bus.topic('t', { name: 'w' })) {
          mine.push(payload)
          if (isHeld) await held
          if (payload === 'end') return
        }
      }
      const first = run(seen[0] as unknown[], true)
      await bus.ready()
      await bus.publish('t', 0)
      await untilStatus(bus, 'w', { inFlight: 1 })
      void run(seen[1] as unknown[], false)
      await bus.ready()
      await publishAll(bus, 't', upTo(20))
      await eventually(() => expect(seen[1]).to.deep.equal(upTo(20)))
      expect(seen[0]).to.deep.equal([0])
      release()
      await untilStatus(bus, 'w', { acked: 21 })
      await bus.unsubscribe('w')
      await first
    })

    it('has each message once, in order, and again after a failure', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', upTo(50))
      const seen: [unknown, number][] = []
      for await (const message of bus.topic('t', { name: 'w', ordered: true, delay: 1, replace: true })) {
        seen.push([message.payload, message.attempt])
        if (message.payload === 7 && message.attempt < 3) message.nack()
        if (message.payload === 50) {
          message.ack()
          break
        }
      }
      expect(seen).to.deep.equal(
        upTo(50).flatMap(n => (n === 7 ? [1, 2, 3] : [1]).map(attempt => [n, attempt])),
      )
      await untilStatus(bus, 'w', { acked: 50, pending: 0, inFlight: 0, consumers: 0 })
    })

    it('leaves the message in hand by break: it goes back, uncounted, and its signal aborts', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      let left: Message | undefined
      for await (const message of bus.topic('t', { name: 'w' })) {
        left = message
        break
      }
      expect(left?.ack()).to.equal(false)
      expect(left?.signal.aborted).to.equal(true)
      await untilStatus(bus, 'w', { pending: 2, inFlight: 0, acked: 0, failed: 0 })
      expect(await breaks(bus.topic('t', { name: 'w' }))).to.deep.equal({
        payload: 1,
        attempt: 1,
        redelivered: true,
      })
    })

    it('leaves it by a throw, too, which comes out of the loop', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.publish('t', 1)
      const why = new Error('why')
      const run = async (): Promise<void> => {
        for await (const { payload } of bus.topic('t', { name: 'w' })) {
          if (payload === 1) throw why
        }
      }
      expect(await rejection(run())).to.equal(why)
      await untilStatus(bus, 'w', { pending: 1, inFlight: 0, acked: 0, failed: 0 })
    })

    it('does not leave what was acked before the break', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      for await (const message of bus.topic('t', { name: 'w' })) {
        message.ack()
        break
      }
      await untilStatus(bus, 'w', { pending: 1, inFlight: 0, acked: 1 })
      expect((await breaks(bus.topic('t', { name: 'w' }))).payload).to.equal(2)
    })

    it('makes a dead letter of what was left more than `attempts` times', async () => {
      const bus = at.bus()
      const dead = collect(bus.deadLetters())
      const options = { name: 'w', attempts: 2 }
      const first = bus.topic('t', options).subscribe()
      await bus.ready()
      first.unsubscribe()
      await publishAll(bus, 't', ['poison', 'next'])
      for (const round of upTo(3))
        expect((await breaks(bus.topic('t', options))).payload, `round ${round}`).to.equal('poison')
      const [letter] = await dead.first(1)
      expect(letter).to.include({ payload: 'poison', error: 'abandoned', subscription: 'w' })
      expect((await breaks(bus.topic('t', options))).payload).to.equal('next')
      await untilStatus(bus, 'w', { deadLettered: 1, pending: 1 })
    })

    it('begins ackTimeout when it gets the message', async () => {
      const bus = at.bus()
      const options = { name: 'w', ackTimeout: 300, delay: 0, prefetch: 10 }
      const seen: [unknown, number, boolean][] = []
      const first = bus.topic('t', options).subscribe()
      await bus.ready()
      first.unsubscribe()
      await publishAll(bus, 't', [1, 2, 3])
      for await (const message of bus.topic('t', options)) {
        const { payload, attempt, signal } = message
        // The third waits longer than ackTimeout for its turn; the second outlasts it once.
        if (payload === 2 && attempt === 1)
          await new Promise(resolve => signal.addEventListener('abort', resolve))
        else await soon(payload === 1 ? 200 : 0)
        seen.push([payload, attempt, signal.aborted])
        if (seen.length === 4) {
          message.ack()
          break
        }
      }
      expect(seen.slice(0, 2)).to.deep.equal([
        [1, 1, false],
        [2, 1, true],
      ])
      expect(seen.slice(2).sort()).to.deep.equal([
        [2, 2, false],
        [3, 1, false],
      ])
      expect((await statusOf(bus, 'w')).failed).to.equal(1)
    })

    it('without a name ends with the loop', async () => {
      const bus = at.bus()
      const run = breaks(bus.topic('t'))
      await bus.publish('t', 1)
      expect((await run).payload).to.equal(1)
      await eventually(async () => expect((await bus.status()).subscriptions).to.deep.equal([]))
    })

    it('ends by a signal, and acks what it had in hand', async () => {
      const bus = at.bus()
      const controller = new AbortController()
      const seen: unknown[] = []
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      for await (const { payload } of bus.topic('t', { name: 'w', signal: controller.signal })) {
        seen.push(payload)
        controller.abort()
      }
      expect(seen).to.deep.equal([1])
      await untilStatus(bus, 'w', { acked: 1, pending: 1, inFlight: 0, consumers: 0 })
      for await (const message of bus.topic('t', { signal: controller.signal })) seen.push(message)
      expect(seen).to.deep.equal([1])
    })

    it('ends by close(), which waits for its body', async () => {
      const bus = at.bus()
      const seen: unknown[] = []
      let closing: Promise<void> | undefined
      let isClosed = false
      const run = async (): Promise<void> => {
        for await (const { payload } of bus.topic('t', { name: 'w', ordered: true })) {
          closing ??= bus.close().then(() => {
            isClosed = true
          })
          await soon(20)
          expect(isClosed).to.equal(false)
          seen.push(payload)
        }
      }
      const loop = run()
      await bus.ready()
      await bus.publish('t', 1)
      await loop
      await closing
      expect(seen).to.deep.equal([1])
    })

    it('ends when its name is removed, also while it waits', async () => {
      const bus = at.bus()
      const loop = bus.topic('t', { name: 'w' })[Symbol.asyncIterator]()
      const next = loop.next()
      await bus.ready()
      await bus.unsubscribe('w')
      expect((await next).done).to.equal(true)
    })

    it('throws what the Observable would error with, once', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      expect(await rejection(breaks(bus.topic('other', { name: 'w' })))).to.be.instanceOf(NameTakenError)
      const loop = bus.topic('other', { name: 'w' })[Symbol.asyncIterator]()
      expect(await rejection(loop.next())).to.be.instanceOf(NameTakenError)
      expect((await loop.next()).done).to.equal(true)
      await bus.close()
      expect(await rejection(breaks(bus.topic('t')))).to.be.instanceOf(ClosedError)
    })

    it('validates by a schema: what it refuses fails, and the loop goes on', async () => {
      const bus = at.bus()
      const run = async (): Promise<number[]> => {
        const seen: number[] = []
        for await (const message of bus.topic('t', { name: 'w', schema: even, attempts: 1 })) {
          seen.push(message.payload)
          if (seen.length < 2) continue
          message.ack()
          break
        }
        return seen
      }
      const seen = run()
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3, 4, 5])
      expect(await seen).to.deep.equal([2, 4])
      await untilStatus(bus, 'w', { acked: 2, deadLettered: 2, pending: 1 })
    })

    it('with manual settlement acks nothing by itself', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2, 3])
      const seen: Message[] = []
      for await (const message of bus.topic('t', { name: 'w', ack: 'manual' })) {
        seen.push(message)
        if (seen.length === 3) break
        if (seen.length === 2) seen[0]?.ack()
      }
      await untilStatus(bus, 'w', { acked: 1, pending: 2, inFlight: 0 })
    })

    it('is not for what was piped: the error names handle', () => {
      const piped = at
        .bus()
        .topic('t')
        .pipe(map(({ payload }) => payload)) as unknown as Messages
      const error = thrown(() => piped[Symbol.asyncIterator]())
      expect(error).to.be.instanceOf(UnsupportedError)
      expect((error as Error).message).to.contain('handle(message => …)')
      expect(thrown(() => piped.toReadable())).to.be.instanceOf(UnsupportedError)
    })
  })

  describe('Web Streams', () => {
    it('toReadable() acks at the next read, and leaves by cancel()', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2, 3])
      const reader = bus.topic('t', { name: 'w' }).toReadable().getReader()
      expect((await reader.read()).value?.payload).to.equal(1)
      await untilStatus(bus, 'w', { inFlight: 1, acked: 0 })
      expect((await reader.read()).value?.payload).to.equal(2)
      await reader.cancel()
      await untilStatus(bus, 'w', { acked: 1, pending: 2, inFlight: 0, consumers: 0 })
    })

    it('toReadable() ends with the bus', async () => {
      const bus = at.bus()
      const written: unknown[] = []
      const controller = new AbortController()
      const { signal } = controller
      const piped = bus
        .topic('t', { signal })
        .toReadable()
        .pipeTo(
          new WritableStream<Message>({
            write: ({ payload }) => {
              written.push(payload)
              if (payload === 3) controller.abort()
            },
          }),
        )
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      await piped
      expect(written).to.deep.equal([1, 2, 3])
    })

    it('fromReadable() publishes what a stream has, and cancels it when it is unsubscribed', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('lines'))
      const lines = new Blob(['a', 'b']).stream().pipeThrough(new TextDecoderStream())
      const published: Observable<string> = fromReadable(lines).pipe(publishTo(bus, 'lines'))
      const sent = await lastValueFrom(published.pipe(toArray()))
      expect(payloads(await seen.first(sent.length))).to.deep.equal(sent)
      expect(sent.join('')).to.equal('ab')
      let why: unknown
      const endless = new ReadableStream<number>({
        pull: async chunks => {
          await soon()
          chunks.enqueue(1)
        },
        cancel: () => {
          why = 'cancelled'
        },
      })
      const some = collect(fromReadable(endless))
      await some.first(2)
      some.unsubscribe()
      await eventually(() => expect(why).to.equal('cancelled'))
      const broken = collect(fromReadable(new ReadableStream({ pull: c => c.error(new Error('broken')) })))
      expect(await broken.failure()).to.include({ message: 'broken' })
      expect(thrown(() => fromReadable([] as never))).to.be.instanceOf(InvalidOptionError)
    })
  })
}
