import { expect } from 'chai'
import { InvalidPayloadError } from '../../src/index.js'
import { collect, payloads, publishAll, register, rejection, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

export function publishing(at: Connected): void {
  describe('publish', () => {
    it('resolves without a subscriber', async () => {
      await at.bus().publish('nobody', 1)
      await at.bus().publish({ topic: 'nobody' })
    })

    it('resolves when the van owes the message to every matching subscription', async () => {
      const bus = at.bus()
      await register(bus, 'a', 't')
      await register(bus, 'b', /t/)
      await publishAll(bus, 't', upTo(10))
      const { subscriptions } = await bus.status()
      expect(subscriptions.map(({ name, pending }) => ({ name, pending }))).to.have.deep.members([
        { name: 'a', pending: 10 },
        { name: 'b', pending: 10 },
      ])
    })

    it('takes one message object', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.publish({ topic: 't', payload: 1, headers: { a: 'b' } })
      const [message] = await seen.first(1)
      expect(message?.payload).to.equal(1)
      expect({ ...message?.headers }).to.deep.equal({ a: 'b' })
    })

    it('takes a received message as it is', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.publish('t', { n: 1 }, { headers: { a: 'b' } })
      const [first] = await seen.first(1)
      if (first === undefined) throw new Error('nothing came')
      await bus.publish(first)
      const [, second] = await seen.first(2)
      expect(second?.payload).to.deep.equal({ n: 1 })
      expect({ ...second?.headers }).to.deep.equal({ a: 'b' })
      expect(second?.id).to.not.equal(first.id)
    })

    it('refuses headers that are not text, or too many, and goes on', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const wrong = [{ n: 1 }, { a: undefined }, ['a'], 'a', null, { big: 'x'.repeat(16 * 1024) }]
      for (const headers of [...wrong, Promise.resolve({ a: 'b' }), /a/, new Date(), new Map(), new Set()]) {
        const options = { headers: headers as unknown as Record<string, string> }
        expect(await rejection(bus.publish('t', 1, options))).to.be.instanceOf(InvalidPayloadError)
      }
      await bus.publish('t', 'good', { headers: { __proto__x: 'é', '': '' } })
      expect(payloads(await seen.first(1))).to.deep.equal(['good'])
    })

    it('counts what was published', async () => {
      const bus = at.bus()
      collect(bus.topic('t'))
      await publishAll(bus, 't', upTo(7))
      await publishAll(bus, 'nobody', upTo(3))
      expect((await bus.status()).counters.published).to.equal(10)
      await untilStatus(bus, 't', { delivered: 7, acked: 7 })
    })

    it('carries 5,000 published in one turn', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await publishAll(bus, 't', upTo(5_000))
      expect(payloads(await seen.first(5_000))).to.deep.equal(upTo(5_000))
    })
  })
}
