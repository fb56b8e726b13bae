import { expect } from 'chai'
import { Observable, Subject } from 'rxjs'
import { handle, InvalidOptionError, type Message } from '../../src/index.js'
import { eventually } from '../support/eventually.js'
import {
  collect,
  payloads,
  publishAll,
  register,
  rejection,
  statusOf,
  untilStatus,
} from '../support/messages.js'
import type { Connected } from './connected.js'

/** Work that ends when the test says so, and the messages whose work has begun. */
function held(): {
  readonly begun: Message[]
  readonly work: (message: Message) => Observable<never>
  end(): void
} {
  const ended = new Subject<never>()
  const begun: Message[] = []
  const work = (message: Message) =>
    new Observable<never>(subscriber => {
      begun.push(message)
      return ended.subscribe(subscriber)
    })
  return { begun, work, end: () => ended.complete() }
}

export function pausing(at: Connected): void {
  describe('a paused name', () => {
    it('hands out nothing, takes messages in, and shows it; resume lets it go on, from any bus', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w' }))
      await bus.ready()
      expect(await at.another().pause('w')).to.equal(true)
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { pending: 3, inFlight: 0, paused: true })
      expect(seen.values).to.have.lengthOf(0)
      expect(await at.another().resume('w')).to.equal(true)
      expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
      expect(await statusOf(bus, 'w')).to.not.have.property('paused')
    })

    it('is known by its promise: true for a name, paused or not, false for no name', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      expect(await bus.resume('w')).to.equal(true)
      expect(await bus.pause('w')).to.equal(true)
      expect(await bus.pause('w')).to.equal(true)
      expect(await bus.pause('none')).to.equal(false)
      expect(await bus.resume('none')).to.equal(false)
      for (const bad of ['', 'x'.repeat(201), 7 as unknown as string])
        for (const refused of [bus.pause(bad), bus.resume(bad)])
          expect(await rejection(refused)).to.be.instanceOf(InvalidOptionError)
    })

    it('gets back the messages that wait for their turn, uncounted; work in hand is finished', async () => {
      const bus = at.bus()
      const first = held()
      bus.topic('t', { name: 'w' }).pipe(handle(first.work)).subscribe()
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3, 4])
      await eventually(() => expect(first.begun).to.have.lengthOf(1))
      await untilStatus(bus, 'w', { inFlight: 4 })
      await at.another().pause('w')
      await untilStatus(bus, 'w', { inFlight: 1, pending: 3, delivered: 1, redelivered: 0, failed: 0 })
      first.end()
      await untilStatus(bus, 'w', { inFlight: 0, pending: 3, acked: 1 })
      expect(first.begun).to.have.lengthOf(1)
      await bus.resume('w')
      await untilStatus(bus, 'w', { inFlight: 0, pending: 0, acked: 4, redelivered: 0 })
      expect(payloads(first.begun)).to.deep.equal([1, 2, 3, 4])
      expect(first.begun.map(({ attempt }) => attempt)).to.deep.equal([1, 1, 1, 1])
    })

    it('keeps a message that fails meanwhile, and a dead letter that is replayed', async () => {
      const bus = at.bus()
      const attempts: number[] = []
      const seen = collect(bus.topic('t', { name: 'w', ack: 'manual', delay: 0, attempts: 2 }))
      await bus.publish('t', 1)
      const [message] = (await seen.first(1)) as [Message]
      await bus.pause('w')
      message.nack()
      await untilStatus(bus, 'w', { failed: 1, pending: 1, inFlight: 0 })
      await bus.resume('w')
      const [, again] = (await seen.first(2)) as [Message, Message]
      expect(again.attempt).to.equal(2)
      await bus.pause('w')
      again.nack()
      await untilStatus(bus, 'w', { deadLettered: 1, pending: 0 })
      expect(await bus.deadLetters().replay()).to.equal(1)
      await untilStatus(bus, 'w', { pending: 1, inFlight: 0 })
      await bus.resume('w')
      const [, , third] = (await seen.first(3)) as [Message, Message, Message]
      attempts.push(third.attempt)
      expect(third.ack()).to.equal(true)
      expect(attempts).to.deep.equal([1])
    })

    it('stays paused without consumers, for new ones, and with other rules', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.pause('w')
      await bus.publish('t', 1)
      const seen = collect(bus.topic('t', { name: 'w', attempts: 3 }))
      const other = collect(at.another().topic('t', { name: 'w', attempts: 2, replace: true }))
      await bus.ready()
      await at.another().ready()
      await untilStatus(bus, 'w', { consumers: 2, pending: 1, inFlight: 0, paused: true })
      await bus.resume('w')
      await untilStatus(bus, 'w', { acked: 1 })
      expect(payloads([...seen.values, ...other.values])).to.deep.equal([1])
    })

    it('is forgotten with its name', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.pause('w')
      expect(await bus.unsubscribe('w')).to.equal(true)
      const seen = collect(bus.topic('t', { name: 'w' }))
      await bus.publish('t', 1)
      expect(payloads(await seen.first(1))).to.deep.equal([1])
    })

    it('keeps its order, and delays nobody else', async () => {
      const bus = at.bus()
      const others = collect(bus.topic('t'))
      const seen = collect(bus.topic('t', { name: 'w', ordered: true }))
      await bus.ready()
      await bus.pause('w')
      await publishAll(bus, 't', [1, 2, 3])
      expect(payloads(await others.first(3))).to.deep.equal([1, 2, 3])
      await untilStatus(bus, 'w', { pending: 3 })
      await bus.resume('w')
      expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    })

    it('gives a loop no more messages; the one in hand can be settled', async () => {
      const bus = at.bus()
      const had: unknown[] = []
      const looping = (async () => {
        for await (const { payload } of bus.topic('t', { name: 'w' })) {
          had.push(payload)
          if (payload === 1) await bus.pause('w')
          if (payload === 3) break
        }
      })()
      await bus.ready()
      await publishAll(bus, 't', [1, 2, 3])
      await untilStatus(bus, 'w', { paused: true })
      await untilStatus(bus, 'w', { acked: 1, pending: 2, inFlight: 0 })
      await bus.resume('w')
      await looping
      expect(had).to.deep.equal([1, 2, 3])
    })
  })
}
