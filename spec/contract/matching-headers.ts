import { expect } from 'chai'
import { InvalidOptionError, NameTakenError, type TopicOptions } from '../../src/index.js'
import { collect, payloads, statusOf, thrown, untilStatus } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

const a: TopicOptions = { match: { headers: { tenant: 'a' } } }
const b: TopicOptions = { match: { headers: { tenant: 'b' } } }

export function matchingHeaders(at: Connected): void {
  describe('match: headers', () => {
    const publish = (payload: unknown, headers = {}): Promise<void> =>
      at.another().publish('t', payload, { headers })
    /** Two of each tenant, in turn, and one of none. */
    const publishMixed = async (): Promise<void> => {
      await publish('none')
      for (const n of [1, 2])
        for (const tenant of ['a', 'b', 'aa']) await publish(`${tenant}${n}`, { tenant, other: 'x' })
    }
    const inForce = async (): Promise<void> => {
      await at.bus().ready()
      await at.another().ready()
    }

    it('only messages with each of these headers come, in order', async () => {
      const bus = at.bus()
      const ofA = collect(bus.topic('t', a))
      const both = collect(bus.topic(/^t/, { match: { headers: { tenant: 'b', other: 'x' } } }))
      const all = collect(bus.topic('t'))
      await inForce()
      await publishMixed()
      expect(payloads(await ofA.first(2))).to.deep.equal(['a1', 'a2'])
      expect(payloads(await both.first(2))).to.deep.equal(['b1', 'b2'])
      await all.first(7)
      expect([ofA.values.length, both.values.length]).to.deep.equal([2, 2])
    })

    it('a name has the others not waiting, and its own come again after a failure', async () => {
      const bus = at.bus()
      const options = { name: 'n', maxPending: 3, overflow: 'error' as const, delay: 1 }
      const first = bus.topic('t', { ...options, ...a, ack: 'manual', prefetch: 1 }).subscribe()
      await inForce()
      first.unsubscribe()
      await untilStatus(bus, 'n', { consumers: 0 })
      // The others take none of its room.
      await publishMixed()
      await untilStatus(bus, 'n', { pending: 2, dropped: 0 })
      expect((await statusOf(bus, 'n')).match).to.deep.equal(a.match)
      const seen: unknown[] = []
      bus.topic('t', { ...options, ...a }).subscribe(({ payload, attempt }) => {
        seen.push(`${payload as string}/${attempt}`)
        if (attempt === 1) throw new Error('again')
      })
      await untilStatus(bus, 'n', { acked: 2, failed: 2, pending: 0 })
      expect(seen).to.have.members(['a1/1', 'a2/1', 'a1/2', 'a2/2'])
    })

    it('is among the rules of a name, and what waits stays', async () => {
      const bus = at.bus()
      const held = bus.topic('t', { name: 'n', ...a, ack: 'manual', prefetch: 1 }).subscribe()
      await inForce()
      const refused = collect(at.another().topic('t', { name: 'n', ...b }))
      expect(await refused.failure())
        .to.be.instanceOf(NameTakenError)
        .with.property('message')
        .that.matches(/"tenant":"a".*"tenant":"b"/)
      held.unsubscribe()
      await untilStatus(bus, 'n', { consumers: 0 })
      await publishMixed()
      // With nobody attached the new rules take the place of the old ones, for what comes from now on.
      const got = collect(bus.topic('t', { name: 'n', ...b }))
      await inForce()
      await publishMixed()
      expect(payloads(await got.first(4))).to.deep.equal(['a1', 'a2', 'b1', 'b2'])
      await untilStatus(bus, 'n', { acked: 4, pending: 0 })
    })

    it('a dead letter comes again to where it was, and dead letters themselves are as without it', async () => {
      const bus = at.bus()
      const seen: unknown[] = []
      let isBroken = true
      bus.topic('t', { name: 'n', attempts: 1, ...a }).subscribe(({ payload }) => {
        seen.push(payload)
        if (isBroken) throw new Error('no')
      })
      const dead = collect(bus.topic(/^\$dead\//, a))
      await inForce()
      await publishMixed()
      await dead.first(2)
      isBroken = false
      expect(await bus.deadLetters().replay()).to.equal(2)
      await untilStatus(bus, 'n', { acked: 2, deadLettered: 2 })
      expect(seen).to.deep.equal(['a1', 'a2', 'a1', 'a2'])
    })

    itWith(at, 'replays', 'a replay has only these, too', async () => {
      const bus = at.bus()
      await inForce()
      await publishMixed()
      const froms = { start: 'start', last: 'last', one: { last: 1 } } as const
      for (const [how, from] of Object.entries(froms)) {
        const got = collect(bus.topic('t', { ...a, from }))
        await inForce()
        await publish(how, { tenant: 'b' })
        await publish(how, { tenant: 'a' })
        const before = from === 'start' ? ['a1', 'a2'] : []
        const newest = from === 'start' ? [] : [how === 'last' ? 'start' : 'last']
        const count = from === 'start' ? 3 : 2
        expect(payloads(await got.first(count)), how).to.deep.equal([...before, ...newest, how])
        got.unsubscribe()
      }
    })

    it('a wrong one is refused at once', () => {
      const headers = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`h${n}`, '1']))
      const wrong = [
        null,
        7,
        [],
        {},
        { tenant: 'a' },
        { headers: {} },
        { headers: { n: 1 } },
        { headers: { n: null } },
        { headers: { n: '\ud800' } },
        { headers },
        { headers: { n: 'x'.repeat(2_048) } },
      ]
      for (const match of wrong) {
        const options = { match } as unknown as TopicOptions
        expect(
          thrown(() => at.bus().topic('t', options)),
          JSON.stringify(match),
        ).to.be.instanceOf(InvalidOptionError)
      }
    })
  })
}
