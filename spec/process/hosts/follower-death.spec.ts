import { expect } from 'chai'
import { newWorkerClient } from '../../../src/workers/worker-client.js'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, untilStatus } from '../../support/messages.js'

describe('the death of a follower', () => {
  let hosts: Convention
  beforeEach(async () => {
    hosts = await Convention.start(1)
  })
  afterEach(() => hosts.clean())

  it('does not fail the messages of its living clients, but those of its own handlers and actors', async () => {
    const near = hosts.leader.bus()
    const { clientId: id, clientKey: key } = newWorkerClient(true)
    const clients = [hosts.follower().bus(), hosts.follower().bus('default', { client: { id, key } })]
    const works = clients.map((bus, at) =>
      collect(bus.topic('t', { name: `work ${at}`, ack: 'manual', attempts: 2, delay: 0 })),
    )
    await Promise.all(clients.map(bus => bus.ready()))
    await near.publish('t', 1)
    for (const work of works) await work.first(1)
    await hosts.follower().kill()
    await hosts.follower().start()
    const again = await Promise.all(works.map(async work => (await work.first(2))[1]))
    expect(again.map(message => [message?.attempt, message?.redelivered])).to.deep.equal([
      [1, true],
      [2, true],
    ])
    await untilStatus(near, 'work 0', { failed: 0, inFlight: 1 })
    await untilStatus(near, 'work 1', { failed: 1, inFlight: 1 })
    for (const message of again) message?.ack()
    await eventually(() => untilStatus(near, 'work 0', { acked: 1, pending: 0 }))
  })
})
