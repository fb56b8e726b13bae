import { expect } from 'chai'
import { version } from '../../src/index.js'
import { collect, publishAll, statusOf, untilStatus, upTo } from '../support/messages.js'
import type { Connected } from './connected.js'

export function statusOfVan(at: Connected): void {
  describe('status', () => {
    it('names van and host', async () => {
      const bus = at.bus()
      const { van, host, hosts, actors } = await bus.status()
      expect(van).to.equal(bus.name)
      expect(host.version).to.equal(version)
      expect(host.id).to.be.a('string')
      expect(host.pid).to.be.greaterThan(0)
      expect(host.uptimeMs).to.be.at.least(0)
      expect(hosts[0]?.id).to.equal(host.id)
      expect(new Set(hosts.map(each => each.id)).size).to.equal(at.kind.hosts ?? 1)
      expect(actors).to.deep.equal([])
    })

    it('shows subscriptions with pattern, name and consumers', async () => {
      const bus = at.bus()
      collect(bus.topic(/^a\.\w+/i))
      collect(bus.topic('exact', { name: 'w' }))
      collect(bus.topic('exact', { name: 'w' }))
      await bus.ready()
      const { subscriptions } = await bus.status()
      expect(subscriptions).to.have.lengthOf(2)
      const unnamed = await statusOf(bus, '/^a\\.\\w+/i')
      expect(unnamed).to.include({ consumers: 1 })
      expect(unnamed).to.not.have.property('name')
      expect(await statusOf(bus, 'w')).to.include({
        name: 'w',
        pattern: 'exact',
        consumers: 2,
        pausing: false,
      })
      expect(new Set(subscriptions.map(({ id }) => id)).size).to.equal(2)
    })

    it('counts deliveries, acks, failures, redeliveries and dead letters, per subscription and in all', async () => {
      const bus = at.bus()
      bus.topic<number>('t', { name: 'w', attempts: 2, delay: 0 }).subscribe(message => {
        if (message.payload === 1 || (message.payload === 2 && message.attempt === 1)) message.nack()
      })
      await publishAll(bus, 't', upTo(4))
      const expected = { delivered: 6, acked: 3, failed: 3, redelivered: 2, deadLettered: 1, dropped: 0 }
      await untilStatus(bus, 'w', { ...expected, pending: 0, inFlight: 0 })
      expect((await bus.status()).counters).to.deep.equal({ published: 4, ...expected })
    })

    it('hosts$ tells each subscriber first who is there', async () => {
      const bus = at.bus()
      await bus.ready()
      const { hosts } = await bus.status()
      for (const each of [collect(bus.hosts$), collect(bus.hosts$)]) {
        const events = await each.first(hosts.length)
        expect(events.map(({ type, host: { id } }) => ({ type, id }))).to.deep.equal(
          hosts.map(({ id }) => ({ type: 'joined', id })),
        )
      }
    })

    it('can be carried as JSON', async () => {
      const bus = at.bus()
      collect(bus.topic(/x/))
      await bus.ready()
      const status = await bus.status()
      expect(JSON.parse(JSON.stringify(status))).to.deep.equal(status)
    })
  })
}
