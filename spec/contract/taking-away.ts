import { expect } from 'chai'
import { Observable, retry, share, take, tap } from 'rxjs'
import { handle, handleLatest, TakenAwayError, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import { collect, payloads, publishAll, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

const reasonOf = ({ signal }: Message): string => {
  expect(signal.reason).to.be.instanceOf(TakenAwayError)
  return (signal.reason as TakenAwayError).message
}

/** Work without an end, and the topics' payloads whose work was unsubscribed. */
function endless(): { readonly ended: unknown[]; readonly work: (message: Message) => Observable<never> } {
  const ended: unknown[] = []
  const work = ({ payload }: Message) => new Observable<never>(() => () => ended.push(payload))
  return { ended, work }
}

export function takingAway(at: Connected): void {
  describe('message.signal', () => {
    it('is made once, and is not aborted while the consumer has the message, nor by its verdict', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', delay: 60_000, attempts: 2 }))
      await publishAll(bus, 't', [1, 2, 3, 4])
      const messages = await seen.first(4)
      const [first, second, third, last] = messages as [Message, Message, Message, Message]
      expect(first.signal).to.equal(first.signal)
      expect(Object.keys(first)).to.not.include('signal')
      first.ack()
      second.nack()
      third.reject('why')
      await untilStatus(bus, 'w', { inFlight: 1 })
      seen.unsubscribe()
      expect(messages.map(({ signal }) => signal.aborted)).to.deep.equal([false, false, false, true])
      expect(reasonOf(last)).to.contain('its subscriber is gone')
    })

    it('aborts when its ackTimeout has passed, for one who reads it later, too', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { ack: 'manual', ackTimeout: 30, delay: 0, ordered: true }))
      await bus.publish('t')
      const [early] = (await seen.first(1)) as [Message]
      const { signal } = early
      await seen.first(3)
      const [, late, open] = seen.values as [Message, Message, Message]
      expect(signal.aborted).to.equal(true)
      expect(reasonOf(late)).to.equal(
        "The delivery is no longer this consumer's: its ackTimeout of 30 ms has passed.",
      )
      expect(late.ack()).to.equal(false)
      open.ack()
    })

    it('aborts when the consumer unsubscribes, and the next one has the message', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', ordered: true }))
      await publishAll(bus, 't', [1, 2])
      const [message] = (await seen.first(1)) as [Message]
      const { signal } = message
      let isAborted = false
      signal.addEventListener('abort', () => (isAborted = true))
      seen.unsubscribe()
      expect(isAborted).to.equal(true)
      const next = collect(bus.topic('t', { name: 'w', ordered: true }))
      expect(payloads(await next.first(2))).to.deep.equal([1, 2])
      expect(next.values[0]?.attempt).to.equal(1)
      expect(next.values[0]?.signal.aborted).to.equal(false)
    })

    it('aborts when the pipeline breaks off and retry() begins anew', async () => {
      const bus = at.bus()
      const had: Message[] = []
      const seen = collect(
        bus.topic('t', { ack: 'manual' }).pipe(
          tap(message => {
            had.push(message)
            if (had.length === 2) throw new Error('broken')
          }),
          retry(),
        ),
      )
      await publishAll(bus, 't', [1, 2])
      await eventually(() => expect(had).to.have.lengthOf(4))
      expect(payloads(had).sort()).to.deep.equal([1, 1, 2, 2])
      expect(had[0]?.signal.aborted).to.equal(true)
      expect(reasonOf(had[0] as Message)).to.contain('its pipeline broke off')
      for (const message of had.slice(2)) {
        expect(message.signal.aborted).to.equal(false)
        expect(message.ack()).to.equal(true)
      }
      seen.unsubscribe()
    })

    it('does not abort for a message that take() took along', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual' }).pipe(take(1)))
      await bus.publish('t')
      const [message] = (await seen.first(1)) as [Message]
      await untilStatus(bus, 'w', { consumers: 0, inFlight: 1 })
      expect(message.signal.aborted).to.equal(false)
      expect(message.ack()).to.equal(true)
    })

    it('aborts when the bus closes without waiting, also while a delivery runs', async () => {
      const bus = at.bus()
      const { ended, work } = endless()
      bus.topic('t').pipe(handle(work)).subscribe()
      const seen = collect(bus.topic('t', { ack: 'manual' }))
      await bus.publish('t', 1)
      const [message] = (await seen.first(1)) as [Message]
      const { signal } = message
      await untilStatus(bus, 't', { inFlight: 1 })
      await bus.close({ timeout: 10 })
      expect(signal.aborted).to.equal(true)
      expect(ended).to.deep.equal([1])
    })
  })

  describe('work that is taken away', () => {
    for (const [name, operator] of Object.entries({ handle, handleLatest })) {
      it(`is unsubscribed by ${name} when its name is removed, and the pipeline completes`, async () => {
        const bus = at.bus()
        const { ended, work } = endless()
        let signal: AbortSignal | undefined
        const seen = collect(
          bus.topic('t', { name: 'w', ordered: true, ackTimeout: 60_000 }).pipe(
            operator((message: Message) => {
              ;({ signal } = message)
              return work(message)
            }),
          ),
        )
        await bus.publish('t', 1)
        await untilStatus(bus, 'w', { inFlight: 1 })
        expect(signal?.aborted).to.equal(false)
        await bus.unsubscribe('w')
        await seen.completion()
        expect(signal?.aborted).to.equal(true)
        expect(ended).to.deep.equal([1])
        expect(seen.errors).to.deep.equal([])
      })
    }

    it('leaves its place to the next message, and both operators behind a share() end it', async () => {
      const bus = at.bus()
      const { ended, work } = endless()
      const topic$ = bus.topic('t', { name: 'w' }).pipe(share())
      const seen = [collect(topic$.pipe(handle(work))), collect(topic$.pipe(handle(work)))]
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { inFlight: 2 })
      await bus.unsubscribe('w')
      for (const each of seen) await each.completion()
      // What waited never began.
      expect(ended).to.deep.equal([1, 1])
    })

    it('whose promise cannot be stopped gets the signal, and its late result changes nothing', async () => {
      const bus = at.bus()
      const results: unknown[] = []
      let finish: (result: string) => void = () => undefined
      const seen = collect(
        bus.topic('t', { name: 'w' }).pipe(
          handle(
            async ({ signal }) =>
              new Promise<string>((resolve, reject) => {
                finish = resolve
                signal.addEventListener('abort', () => reject(signal.reason as Error))
              }),
          ),
        ),
      )
      await bus.publish('t', 1)
      await untilStatus(bus, 'w', { inFlight: 1 })
      await bus.unsubscribe('w')
      await seen.completion()
      finish('late')
      await new Promise(resolve => setImmediate(resolve))
      expect([seen.values, results]).to.deep.equal([[], []])
    })

    it('of a pipeline that unsubscribes, goes back as before', async () => {
      const bus = at.bus()
      const { ended, work } = endless()
      const seen = collect(bus.topic('t', { name: 'w' }).pipe(handle(work)))
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { inFlight: 2 })
      seen.unsubscribe()
      expect(ended).to.deep.equal([1])
      const next = collect(bus.topic('t', { name: 'w' }))
      const found = (await next.first(2)).map(({ payload, attempt }) => [payload, attempt])
      expect(found).to.deep.equal([
        [1, 1],
        [2, 1],
      ])
    })
  })
}
