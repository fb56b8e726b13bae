import { expect } from 'chai'
import { handle, mqtt, wildcard } from '../../src/index.js'
import { collect, publishAll, topics, untilStatus } from '../support/messages.js'
import type { Connected } from './connected.js'

export function wildcards(at: Connected): void {
  describe('wildcards', () => {
    it('match as in NATS and MQTT, and leave out system topics', async () => {
      const bus = at.bus()
      const subject = collect(bus.topic(wildcard('orders.*.created')))
      const rest = collect(bus.topic(wildcard('orders.>')))
      const everything = collect(bus.topic(wildcard('>')))
      const filter = collect(bus.topic(mqtt('orders/+/#')))
      const all = collect(bus.topic(mqtt('#')))
      await bus.ready()
      // A dead letter, on a system topic.
      bus.topic('dies').subscribe(message => message.reject('why'))
      const dead = collect(bus.topic(mqtt('$dead/#')))
      await bus.ready()
      const sent = ['dies', 'orders', 'orders.eu', 'orders.eu.created', 'orders/eu', 'orders/eu/x', 'orders/']
      for (const topic of sent) await bus.publish(topic)
      expect(topics(await subject.first(1))).to.deep.equal(['orders.eu.created'])
      expect(topics(await rest.first(2))).to.deep.equal(['orders.eu', 'orders.eu.created'])
      expect(topics(await filter.first(3))).to.deep.equal(['orders/eu', 'orders/eu/x', 'orders/'])
      await dead.first(1)
      for (const each of [everything, all]) expect(topics(await each.first(7))).to.deep.equal(sent)
      expect(everything.values).to.have.lengthOf(7)
      expect(subject.values).to.have.lengthOf(1)
    })

    it('are kept with a name, in order, over attempts', async () => {
      const bus = at.bus()
      const seen: string[] = []
      bus
        .topic<number>(wildcard('jobs.>'), { name: 'w', ordered: true, delay: 1 })
        .pipe(
          handle(message => {
            seen.push(`${message.payload}/${message.attempt}`)
            if (message.attempt === 1) throw new Error('again')
            return message.payload
          }),
        )
        .subscribe()
      await bus.ready()
      await publishAll(bus, 'jobs.a', [1, 2])
      await untilStatus(bus, 'w', { acked: 2 })
      expect(seen).to.deep.equal(['1/1', '1/2', '2/1', '2/2'])
    })
  })
}
