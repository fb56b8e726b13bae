import { expect } from 'chai'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, publishAll, upTo } from '../../support/messages.js'

describe('hosts together', () => {
  let hosts: Convention
  before(async () => {
    hosts = await Convention.start(2)
  })
  after(() => hosts.clean())
  afterEach(() => hosts.closeBuses())

  let vans = 0
  const busesInOneVan = () => {
    const van = `hosts ${++vans}`
    return [hosts.leader.bus(van), hosts.follower(0).bus(van), hosts.follower(1).bus(van)] as const
  }

  it('every subscriber gets every message once, wherever it was published', async () => {
    const buses = busesInOneVan()
    const seen = buses.map(bus => collect(bus.topic(/^t\./)))
    // A second subscriber on the same host makes no second copy, nor does a pattern that matches as well.
    const more = buses.map(bus => collect(bus.topic('t.1')))
    for (const bus of buses) await bus.ready()
    for (const [at, bus] of buses.entries())
      await publishAll(
        bus,
        't.1',
        upTo(50).map(n => `${at}:${n}`),
      )
    for (const [at, bus] of buses.entries())
      await publishAll(
        bus,
        'u',
        upTo(50).map(n => `${at}:${n}`),
      )
    for (const bus of buses) await bus.publish('t.1', 'end')
    for (const each of [...seen, ...more]) {
      await each.first(153)
      for (const at of [0, 1, 2]) {
        const own = payloads(each.values).filter(payload => String(payload).startsWith(`${at}:`))
        expect(own).to.deep.equal(upTo(50).map(n => `${at}:${n}`))
      }
      expect(each.values).to.have.lengthOf(153)
    }
  })

  it('sends a message only to hosts that want it', async () => {
    const [leader, one, other] = busesInOneVan()
    collect(other.topic('wanted'))
    collect(leader.topic('wanted'))
    for (const bus of [leader, other]) await bus.ready()
    await publishAll(one, 'unwanted', upTo(20))
    await publishAll(one, 'wanted', upTo(3))
    await eventually(async () => {
      expect((await leader.status()).counters).to.include({ published: 23, delivered: 6, acked: 6 })
    })
  })
})
