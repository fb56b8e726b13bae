import { expect } from 'chai'
import { map, repeat, take } from 'rxjs'
import { InvalidOptionError, NameTakenError, type Message } from '../../src/index.js'
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
import { itWith, type Connected } from './connected.js'

export function named(at: Connected): void {
  describe('named subscriptions', () => {
    it('keep messages while no subscriber is attached', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { pending: 2, consumers: 0 })
      const seen = collect(bus.topic('t', { name: 'w' }))
      await bus.publish('t', 3)
      expect(payloads(await seen.first(3))).to.deep.equal([1, 2, 3])
    })

    it('share the work: each message goes to one of them', async () => {
      const bus = at.bus()
      const [a, b, c] = [
        collect(bus.topic('t', { name: 'w' })),
        collect(bus.topic('t', { name: 'w' })),
        collect(at.another().topic('t', { name: 'w' })),
      ]
      await bus.ready()
      await at.another().ready()
      await publishAll(bus, 't', upTo(90))
      await untilStatus(bus, 'w', { acked: 90, consumers: 3 })
      const all = payloads([...a.values, ...b.values, ...c.values]) as number[]
      expect(all.sort((x, y) => x - y)).to.deep.equal(upTo(90))
      for (const each of [a, b, c]) expect(each.values.length).to.be.greaterThan(9)
    })

    it('messages that wait behind a failed one return unseen when their consumer leaves', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      const seen: unknown[] = []
      const first$ = bus.topic('t', { name: 'w', delay: 0 }).pipe(take(2))
      first$.subscribe(({ payload }) => {
        seen.push(payload)
        if (seen.length === 1) throw new Error('once')
      })
      await untilStatus(bus, 'w', {
        delivered: 2,
        failed: 1,
        acked: 1,
        pending: 1,
        consumers: 0,
        inFlight: 0,
      })
      expect(seen).to.deep.equal([1, 1])
      const after = collect(bus.topic('t', { name: 'w' }))
      const [message] = await after.first(1)
      expect(message).to.include({ payload: 2, attempt: 1, redelivered: false })
    })

    it('a retry prefers another member', async () => {
      const bus = at.bus()
      const seen: string[] = []
      const member = (who: string) =>
        bus.topic<number>('t', { name: 'w', ack: 'manual', delay: 0 }).subscribe(message => {
          seen.push(who)
          if (message.attempt % 2 === 1) message.nack()
          else message.ack()
        })
      member('a')
      member('b')
      for (const [index, value] of upTo(4).entries()) {
        await bus.publish('t', value)
        await untilStatus(bus, 'w', { acked: index + 1 })
      }
      for (const at of [0, 2, 4, 6]) expect(seen[at], seen.join()).to.not.equal(seen[at + 1])
    })

    it('a retry comes to the same member when it is the only one', async () => {
      const bus = at.bus()
      const attempts: number[] = []
      bus.topic('t', { name: 'w', delay: 0 }).subscribe(message => {
        attempts.push(message.attempt)
        if (message.attempt < 3) message.nack()
      })
      await bus.publish('t')
      await untilStatus(bus, 'w', { acked: 1 })
      expect(attempts).to.deep.equal([1, 2, 3])
    })

    it('messages of an unsubscribed member go to the others, uncounted', async () => {
      const bus = at.bus()
      const holder = collect(bus.topic('t', { name: 'w', ack: 'manual' }))
      await publishAll(bus, 't', [1, 2, 3])
      await holder.first(3)
      const heir: Message[] = []
      bus.topic('t', { name: 'w' }).subscribe(message => heir.push(message))
      await bus.ready()
      holder.unsubscribe()
      await untilStatus(bus, 'w', { acked: 3, failed: 0 })
      expect(heir.map(({ payload, attempt, redelivered }) => [payload, attempt, redelivered])).to.deep.equal(
        [1, 2, 3].map(value => [value, 1, true]),
      )
    })

    it('a refusal that no subscriber handles is on errors$ as what it is, and blames no subscriber', async () => {
      const bus = at.bus()
      const reported = reports(bus)
      bus.topic('one', { name: 'w' }).subscribe()
      await bus.ready()
      bus.topic('two', { name: 'w' }).subscribe()
      bus
        .topic('two', { name: 'w' })
        .pipe(map(({ payload }) => payload))
        .subscribe()
      expect((await reported.first(2)).map(({ code }) => code)).to.deep.equal([
        'MSGVAN_NAME_TAKEN',
        'MSGVAN_NAME_TAKEN',
      ])
      expect(reported.values[0]?.message).to.not.include('subscriber threw')
    })

    it('the same name with another pattern is refused, to that subscriber alone', async () => {
      const bus = at.bus()
      const good = collect(bus.topic(/^t/, { name: 'w' }))
      await bus.ready()
      for (const pattern of [/^t$/, /^t/i, 't', '/^t/']) {
        const refused = collect(at.another().topic(pattern, { name: 'w' }))
        const error = await refused.failure()
        expect(error).to.be.instanceOf(NameTakenError)
        expect((error as Error).message).to.include('/^t/')
      }
      const same = collect(bus.topic(/^t/g, { name: 'w' }))
      await publishAll(bus, 't', [1, 2])
      await untilStatus(bus, 'w', { acked: 2, consumers: 2 })
      expect([...good.values, ...same.values]).to.have.lengthOf(2)
      expect([...good.errors, ...same.errors]).to.deep.equal([])
    })

    it('unsubscribe(name) removes it: true, then false; its subscribers complete', async () => {
      const bus = at.bus()
      const members = [
        collect(bus.topic('t', { name: 'w' })),
        collect(at.another().topic('t', { name: 'w' })),
      ]
      await bus.ready()
      await at.another().ready()
      expect(await at.another().unsubscribe('w')).to.equal(true)
      for (const member of members) await member.completion()
      expect(await bus.unsubscribe('w')).to.equal(false)
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('unsubscribe(name) throws away what waited', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await publishAll(bus, 't', [1, 2])
      expect(await bus.unsubscribe('w')).to.equal(true)
      const seen = collect(bus.topic('t', { name: 'w' }))
      await bus.publish('t', 'marker')
      expect(payloads(await seen.first(1))).to.deep.equal(['marker'])
    })

    it('unsubscribe(name) ends a subscriber that repeats', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t', { name: 'w' }).pipe(take(1), repeat()))
      await bus.publish('t', 1)
      await seen.first(1)
      expect(await bus.unsubscribe('w')).to.equal(true)
      await seen.completion()
      expect(await bus.unsubscribe('w')).to.equal(false)
    })

    it('a name is free again after unsubscribe(name)', async () => {
      const bus = at.bus()
      await register(bus, 'w', 't')
      await bus.unsubscribe('w')
      const seen = collect(bus.topic(/u/, { name: 'w' }))
      await bus.publish('u', 1)
      expect(payloads(await seen.first(1))).to.deep.equal([1])
    })

    it('names are checked', async () => {
      const bus = at.bus()
      for (const name of ['', 'x'.repeat(201), 7 as unknown as string]) {
        expect(thrown(() => bus.topic('t', { name }))).to.be.instanceOf(InvalidOptionError)
        expect(await rejection(bus.unsubscribe(name))).to.be.instanceOf(InvalidOptionError)
      }
      collect(bus.topic('t', { name: 'é /*$ 😀'.repeat(10) }))
      await bus.ready()
      expect(await bus.unsubscribe('é /*$ 😀'.repeat(10))).to.equal(true)
    })

    itWith(at, 'severalBuses', 'outlive the bus that made them, with what waits', async () => {
      const other = at.another()
      await register(other, 'w', 't')
      await publishAll(other, 't', [1, 2])
      await other.close()
      const seen = collect(at.bus().topic('t', { name: 'w' }))
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
    })

    itWith(at, 'severalBuses', 'a bus that closes gives its open messages back', async () => {
      const holder = collect(at.another().topic('t', { name: 'w', ack: 'manual' }))
      await at.another().ready()
      await publishAll(at.bus(), 't', [1, 2])
      await holder.first(2)
      await at.another().close({ drain: false })
      const seen = collect(at.bus().topic('t', { name: 'w' }))
      expect(payloads(await seen.first(2))).to.deep.equal([1, 2])
      await eventually(() => expect(holder.completed).to.equal(true))
    })
  })
}
