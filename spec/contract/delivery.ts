import { expect } from 'chai'
import { collect, payloads, publishAll, topics, untilStatus, upTo } from '../support/messages.js'
import { itWith, type Connected } from './connected.js'

export function delivery(at: Connected): void {
  describe('delivery', () => {
    it('reaches every subscription that matches, and each once', async () => {
      const bus = at.bus()
      const some = [/^a/, /a/, 'a.b', /b$/].map(pattern => collect(bus.topic(pattern)))
      await publishAll(bus, 'a.b', upTo(20))
      await bus.publish('a.b', 'end')
      for (const each of some) {
        await each.first(21)
        expect(payloads(each.values)).to.deep.equal([...upTo(20), 'end'])
      }
    })

    it('begins at once for what the same bus publishes later', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      await bus.publish('t', 1)
      expect(payloads(await seen.first(1))).to.deep.equal([1])
    })

    it('is in force for others after ready()', async () => {
      const seen = collect(at.bus().topic('t'))
      await at.bus().ready()
      await at.another().ready()
      await at.another().publish('t', 'from another')
      expect(payloads(await seen.first(1))).to.deep.equal(['from another'])
    })

    it('gives late subscribers nothing from before', async () => {
      const bus = at.bus()
      const early = collect(bus.topic('t'))
      await publishAll(bus, 't', [1, 2])
      const late = collect(bus.topic('t'))
      await bus.publish('t', 'marker')
      expect(payloads(await late.first(1))).to.deep.equal(['marker'])
      expect(payloads(await early.first(3))).to.deep.equal([1, 2, 'marker'])
    })

    it('keeps the publish order, per publisher and topic', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic(/^t/))
      const calls: Promise<void>[] = []
      for (const value of upTo(500)) calls.push(bus.publish(`t${value % 3}`, value))
      await Promise.all(calls)
      const messages = await seen.first(500)
      for (const rest of [0, 1, 2]) {
        const expected = upTo(500).filter(value => value % 3 === rest)
        expect(payloads(messages.filter(message => message.topic === `t${rest}`))).to.deep.equal(expected)
      }
    })

    it('gives id, topic, payload, headers, timestamp, attempt and redelivered', async () => {
      const bus = at.bus()
      const seen = collect(bus.topic('t'))
      const before = Date.now()
      await bus.publish('t', { n: 1 }, { headers: { trace: '7f' } })
      await bus.publish('t')
      const [first, second] = await seen.first(2)
      expect(first).to.include({ topic: 't', attempt: 1, redelivered: false })
      expect(first?.payload).to.deep.equal({ n: 1 })
      expect({ ...first?.headers }).to.deep.equal({ trace: '7f' })
      expect(first?.timestamp).to.be.within(before - 1, Date.now() + 1)
      expect(first?.id).to.be.a('string').and.not.equal(second?.id)
      expect(second?.payload).to.equal(undefined)
      expect({ ...second?.headers }).to.deep.equal({})
      expect(JSON.parse(JSON.stringify(first))).to.deep.include({ topic: 't', payload: { n: 1 }, attempt: 1 })
    })

    it('gives all subscriptions the same message id', async () => {
      const bus = at.bus()
      const [a, b] = [collect(bus.topic('t')), collect(bus.topic(/t/))]
      await bus.publish('t')
      expect((await a.first(1))[0]?.id).to.equal((await b.first(1))[0]?.id)
    })

    it('ends with the unsubscribe, for that subscriber alone', async () => {
      const bus = at.bus()
      const [gone, stays] = [collect(bus.topic('t')), collect(bus.topic('t'))]
      await bus.publish('t', 1)
      await gone.first(1)
      gone.unsubscribe()
      await bus.publish('t', 2)
      expect(payloads(await stays.first(2))).to.deep.equal([1, 2])
      expect(payloads(gone.values)).to.deep.equal([1])
    })

    it('treats two subscribers of one topic() Observable as two subscriptions', async () => {
      const bus = at.bus()
      const source$ = bus.topic('t')
      const [a, b] = [collect(source$), collect(source$)]
      await bus.publish('t', 1)
      await Promise.all([a.first(1), b.first(1)])
      a.unsubscribe()
      await bus.publish('t', 2)
      expect(payloads(await b.first(2))).to.deep.equal([1, 2])
      expect(payloads(a.values)).to.deep.equal([1])
    })

    it('registers on subscribe and removes on unsubscribe', async () => {
      const bus = at.bus()
      const source$ = bus.topic(/^cold/)
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
      const seen = collect(source$)
      await bus.ready()
      await untilStatus(bus, '/^cold/', { consumers: 1 })
      seen.unsubscribe()
      await bus.ready()
      expect((await bus.status()).subscriptions).to.deep.equal([])
    })

    it('delivers what a subscriber added inside a handler is owed, and nothing from before', async () => {
      const bus = at.bus()
      const inner: unknown[] = []
      const outer = collect(bus.topic('t'))
      let added = false
      bus.topic('t').subscribe(() => {
        if (added) return
        added = true
        bus.topic('t').subscribe(message => inner.push(message.payload))
      })
      await bus.publish('t', 1)
      await outer.first(1)
      await bus.ready()
      await bus.publish('t', 2)
      await outer.first(2)
      await bus.publish('t', 3)
      await outer.first(3)
      expect(inner[0]).to.not.equal(1)
      expect(inner).to.include(3)
    })

    itWith(at, 'severalBuses', 'reaches all buses on the van', async () => {
      const [a, b] = [collect(at.bus().topic(/^t/)), collect(at.another().topic(/^t/))]
      await Promise.all([at.bus().ready(), at.another().ready()])
      await at.bus().publish('t1')
      await a.first(1)
      await b.first(1)
      await at.another().publish('t2')
      expect(topics(await a.first(2))).to.deep.equal(['t1', 't2'])
      expect(topics(await b.first(2))).to.deep.equal(['t1', 't2'])
    })
  })
}
