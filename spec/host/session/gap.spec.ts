import { expect } from 'chai'
import { first, NEVER, skip } from 'rxjs'
import type { HostServer } from '../../../src/host/listen/server.js'
import { GapError, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads, untilStatus } from '../../support/messages.js'
import { Proxy } from '../../support/proxy.js'

describe('a client that comes back after the session time', () => {
  let server: HostServer
  let proxy: Proxy
  const buses: Bus[] = []
  const bus = (port: number): Bus => {
    const made = clientOf(port).bus
    buses.push(made)
    return made
  }

  beforeEach(async () => {
    server = await startServer({ sessionTtl: 50 })
    proxy = await Proxy.to(server.port)
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  it('gets a GapError with the patterns that may have missed messages; its owed messages count as dropped', async () => {
    const far = bus(proxy.port)
    const near = bus(server.port)
    const troubles = collect(far.errors$)
    const unnamed = collect(far.topic(/^orders\./))
    const named = collect(far.topic('orders.eu', { name: 'kept' }))
    await Promise.all([far.ready(), near.ready()])
    await near.publish('orders.eu', 1)
    await Promise.all([unnamed.first(1), named.first(1)])
    await eventually(async () => expect((await near.status()).counters.acked).to.equal(2))
    proxy.cut()
    await near.publish('orders.eu', 2)
    await eventually(async () => {
      const { counters, subscriptions } = await near.status()
      expect(subscriptions.map(({ name }) => name)).to.deep.equal(['kept'])
      expect(counters.dropped).to.equal(1)
    })
    await near.publish('orders.eu', 3)
    proxy.mend()
    // The named one misses nothing; the other is told that it may have. Two was on its way when its consumer was given up:
    // it counts as failed, and others may pass it.
    expect(payloads(await named.first(3))).to.have.members([1, 2, 3])
    const gap = (await troubles.first(1))[0]
    expect(gap).to.be.instanceOf(GapError)
    expect(gap).to.deep.include({ code: 'MSGVAN_GAP', patterns: ['/^orders\\./'] })
    expect(gap?.message).to.contain('/^orders\\./').and.contain('Give a subscription a name')
    await near.publish('orders.eu', 4)
    expect(payloads(await unnamed.first(2))).to.deep.equal([1, 4])
    await untilStatus(near, 'kept', { acked: 4, deadLettered: 0 })
    expect(troubles.values).to.have.lengthOf(1)
  })

  it('gets a second GapError if it is away again before the host has confirmed its subscriptions', async () => {
    const far = bus(proxy.port)
    const troubles = collect(far.errors$)
    far.topic('t').subscribe()
    await far.ready()
    proxy.cut()
    await eventually(() => expect(server.clients).to.equal(0))
    // What asks for the subscription is not on its way yet in that moment.
    const cutAgain = far.state$.pipe(skip(1), first(state => state === 'connected')).forEach(() => proxy.cut()) // prettier-ignore
    proxy.mend()
    await cutAgain
    await eventually(() => expect(server.clients).to.equal(0))
    proxy.mend()
    const gaps = await troubles.first(2)
    for (const gap of gaps) expect(gap).to.deep.include({ code: 'MSGVAN_GAP', patterns: ['t'] })
  })

  it('gets no GapError for its own reply topic, which is internal', async () => {
    const far = bus(proxy.port)
    const near = bus(server.port)
    const troubles = collect(far.errors$)
    far.topic('t').subscribe()
    near.expose('ticks', () => NEVER)
    await near.ready()
    const ticks = collect(far.observe('ticks'))
    const patterns = async () => (await near.status()).subscriptions.map(({ pattern }) => pattern.slice(0, 7))
    await eventually(async () => expect(await patterns()).to.include('$reply/'))
    await far.ready()
    proxy.cut()
    await eventually(async () => expect(await patterns()).to.not.include('t'))
    proxy.mend()
    const [gap] = await troubles.first(1)
    expect(gap).to.deep.include({ code: 'MSGVAN_GAP', patterns: ['t'] })
    ticks.unsubscribe()
  })

  it('gets a GapError for a name whose messages are gone with the memory of a host, also if it has just joined it', async () => {
    const { port } = server
    const client = bus(port)
    const troubles = collect(client.errors$)
    const topic = client.topic('orders.eu', { name: 'kept' })
    const first = topic.subscribe()
    await client.ready()
    const { host } = await client.status()
    await server.close()
    first.unsubscribe()
    topic.subscribe()
    server = await startServer({ port, hostStatus: () => ({ ...host, id: 'another' }) })
    const [gap] = await troubles.first(1)
    expect(gap).to.deep.include({ code: 'MSGVAN_GAP', patterns: ['orders.eu'], names: ['kept'] })
  })
})
