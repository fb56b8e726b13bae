import { expect } from 'chai'
import { firstValueFrom, tap } from 'rxjs'
import { handle, InvalidOptionError, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, publishAll, register, reports, statusOf, thrown, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

const one = async (messages: { first(count: number): Promise<Message[]> }): Promise<Message> => {
  const [message] = await messages.first(1)
  if (message === undefined) throw new Error('nothing came')
  return message
}

export function settlement(at: Connected): void {
  describe('settlement', () => {
    it("ack 'auto' acks a message when next() returns", async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w' }))
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { acked: 2, inFlight: 0, pending: 0, failed: 0 })
      expect((await one(seen)).ack()).to.equal(false)
    })

    it("ack 'manual' keeps a message open until a verdict", async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await bus.publish('t', 1)
      const message = await one(seen)
      await untilStatus(bus, 'w', { inFlight: 1, acked: 0 })
      expect(message.ack()).to.equal(true)
      await untilStatus(bus, 'w', { inFlight: 0, acked: 1 })
    })

    for (const verb of ['ack', 'nack', 'reject'] as const) {
      it(`${verb}() settles once: every verb after it says false and changes nothing`, async () => {
        const bus = at.bus()
        const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', delay: 100_000 }))
        await bus.publish('t', 1)
        const message = await one(seen)
        expect(message[verb]()).to.equal(true)
        expect([message.ack(), message.nack(), message.reject()]).to.deep.equal([false, false, false])
        const failed = verb === 'ack' ? 0 : 1
        await untilStatus(bus, 'w', {
          inFlight: 0,
          acked: 1 - failed,
          failed,
          deadLettered: verb === 'reject' ? 1 : 0,
        })
      })

      it(`${verb}() inside next rules over 'auto'`, async () => {
        const bus = at.bus()
        const said: boolean[] = []
        bus.topic('t', { name: 'w', delay: 100_000 }).subscribe(message => {
          said.push(message[verb](), message.ack())
        })
        await bus.publish('t', 1)
        const failed = verb === 'ack' ? 0 : 1
        await untilStatus(bus, 'w', { acked: 1 - failed, failed, inFlight: 0 })
        expect(said).to.deep.equal([true, false])
      })
    }

    it('nack() tries again, as the next attempt of the same message', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', delay: 0 }))
      await bus.publish('t', { n: 1 }, { headers: { a: 'b' } })
      const first = await one(seen)
      first.nack()
      const [, second] = await seen.first(2)
      expect(second).to.include({
        id: first.id,
        topic: 't',
        attempt: 2,
        redelivered: true,
        timestamp: first.timestamp,
      })
      expect(second?.payload).to.deep.equal({ n: 1 })
      expect({ ...second?.headers }).to.deep.equal({ a: 'b' })
      expect(second?.ack()).to.equal(true)
    })

    it("nack({ delay }) rules over the subscription's delay", async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { ack: 'manual', delay: 1_000_000 }))
      await bus.publish('t')
      ;(await one(seen)).nack({ delay: 1 })
      expect((await seen.first(2))[1]?.attempt).to.equal(2)
    })

    it('a delay function gets the error and the attempt that failed', async () => {
      const bus = at.bus()
      const asked: [string, number][] = []
      const delay = (error: unknown, attempt: number) => {
        asked.push([(error as Error).message, attempt])
        return 0
      }
      bus.topic('t', { name: 'w', delay, attempts: 3 }).subscribe(message => {
        throw new Error(`no ${message.attempt}`)
      })
      await bus.publish('t')
      await untilStatus(bus, 'w', { deadLettered: 1 })
      expect(asked).to.deep.equal([
        ['no 1', 1],
        ['no 2', 2],
      ])
    })

    for (const [what, delay] of Object.entries<() => number>({
      throws: (): number => {
        throw new Error('the delay function itself')
      },
      'gives NaN': () => NaN,
      'gives less than 0': () => -1,
      'gives Infinity': () => Infinity,
    })) {
      it(`a delay function that ${what} loses nothing: the default replaces it, with an error on errors$`, async () => {
        const bus = at.bus()
        const reported = reports(bus)
        const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', delay }))
        await bus.publish('t')
        expect((await one(seen)).nack()).to.equal(true)
        expect((await seen.first(2))[1]?.attempt).to.equal(2)
        expect(reported.values.map(({ code }) => code)).to.deep.equal(['MSGVAN_INVALID_OPTION'])
        expect(reported.values[0]?.message).to.include('delay function')
      })
    }

    it('a delivery without a verdict within ackTimeout fails, and a late verdict is refused', async () => {
      const bus = at.bus()
      const verdicts: boolean[] = []
      const seen = collect(
        bus.topic('t', { name: 'w', ack: 'manual', ackTimeout: 20, delay: 0 }).pipe(
          // At once: the second delivery has its own 20 ms.
          tap(message => message.attempt === 2 && verdicts.push(message.ack())),
        ),
      )
      await bus.publish('t')
      const first = await one(seen)
      const [, second] = await seen.first(2)
      expect(second).to.include({ id: first.id, attempt: 2, redelivered: true })
      expect(verdicts).to.deep.equal([true])
      await eventually(() => expect(first.ack()).to.equal(false))
      expect([first.nack(), first.reject()]).to.deep.equal([false, false])
      await untilStatus(bus, 'w', { failed: 1, acked: 1 })
    })

    it('firstValueFrom gives a message that can be settled afterwards', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      const message = await firstValueFrom(bus.topic<number>('t', { name: 'w', ack: 'manual' }))
      expect(message.payload).to.equal(1)
      expect(message.ack()).to.equal(true)
      await untilStatus(bus, 'w', { acked: 1, pending: 1, inFlight: 0 })
    })

    it('a message that its subscriber took along by first() still counts as in flight', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1])
      const message = await firstValueFrom(bus.topic<number>('t', { name: 'w', ack: 'manual' }))
      await untilStatus(bus, 'w', { inFlight: 1, pending: 0 })
      expect(message.nack({ delay: 0 })).to.equal(true)
      await untilStatus(bus, 'w', { inFlight: 0, pending: 1, failed: 1 })
    })

    it('unsubscribing gives open messages back, uncounted, and later verdicts on them are refused', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await publishAll(bus, 't', [1, 2, 3])
      const messages = await seen.first(3)
      messages[1]?.ack()
      seen.unsubscribe()
      await untilStatus(bus, 'w', { inFlight: 0, pending: 2, acked: 1, failed: 0 })
      expect(messages.map(message => message.ack())).to.deep.equal([false, false, false])
      const next = collect(bus.topic<number>('t', { name: 'w' }))
      const again = await next.first(2)
      expect(
        again.map(({ payload, attempt, redelivered }) => ({ payload, attempt, redelivered })),
      ).to.deep.equal([
        { payload: 1, attempt: 1, redelivered: true },
        { payload: 3, attempt: 1, redelivered: true },
      ])
    })

    it('nack() refuses a wrong delay, and settles nothing: the bus stays connected', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await bus.publish('t')
      const message = await one(seen)
      for (const options of [
        { delay: -1 },
        { delay: NaN },
        { delay: Infinity },
        { delay: null },
        { delay: '1' },
        { delay: 1n },
        { dealy: 1 },
        null,
      ])
        expect(thrown(() => message.nack(options as never))).to.be.instanceOf(InvalidOptionError)
      await untilStatus(bus, 'w', { inFlight: 1, failed: 0 })
      expect(message.nack({ delay: 1e9 })).to.equal(true)
      await untilStatus(bus, 'w', { inFlight: 0, pending: 1, failed: 1 })
      expect(reported.values).to.deep.equal([])
    })

    it('a delay without an end is refused everywhere', async () => {
      const bus = at.bus()
      for (const delay of [Infinity, [0, Infinity]]) {
        expect(thrown(() => bus.topic('t', { delay }))).to.be.instanceOf(InvalidOptionError)
        expect(thrown(() => handle(() => 1, { delay }))).to.be.instanceOf(InvalidOptionError)
      }
    })

    it('a verdict after unsubscribe(name) is refused', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await bus.publish('t')
      const message = await one(seen)
      expect(await bus.unsubscribe('w')).to.equal(true)
      await seen.completion()
      expect(message.ack()).to.equal(false)
    })

    it('none of this is reported on errors$', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.topic('t', { name: 'w', delay: 0, attempts: 2 }).subscribe(message => message.nack())
      await bus.publish('t')
      await untilStatus(bus, 'w', { deadLettered: 1 })
      expect((await statusOf(bus, 'w')).failed).to.equal(2)
      expect(reported.values).to.deep.equal([])
    })
  })
}
