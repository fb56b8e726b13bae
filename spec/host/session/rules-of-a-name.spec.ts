import { expect } from 'chai'
import { take } from 'rxjs'
import { keepingRules } from '../../../src/bus/contract/options.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { NameTakenError, type Bus, type Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, untilStatus, upTo } from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'

describe('the rules of a name and a client that is cut off', () => {
  const servers: HostServer[] = []
  const buses: Bus[] = []
  let proxy: Proxy
  const bus = (port: number): Bus => {
    const made = clientOf(port).bus
    buses.push(made)
    return made
  }
  const start = async (...args: Parameters<typeof startServer>): Promise<HostServer> => {
    const server = await startServer(...args)
    servers.push(server)
    return server
  }
  const failing = (at: Bus, rules: { attempts: number; delay?: number }): number[] => {
    const attempts: number[] = []
    at.topic('t', { name: 'w', ...rules }).subscribe({
      next: message => (attempts.push(message.attempt), message.nack()),
      error: () => attempts.push(-1),
    })
    return attempts
  }

  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    await proxy.close()
    for (const server of servers.splice(0).reverse()) await server.close()
  })

  /** @param near where others join @param far where the one comes that is cut off */
  async function changesMeanwhile(near: HostServer, far: HostServer): Promise<void> {
    proxy = await Proxy.to(far.port)
    const [away, here] = [bus(proxy.port), bus(near.port)]
    const tries = failing(away, { attempts: 2, delay: 0 })
    await away.ready()
    const refused = collect(here.topic('t', { name: 'w', attempts: 3, delay: 0 }))
    expect(await refused.failure()).to.be.instanceOf(NameTakenError)
    proxy.cut()
    // By the time that the host has seen the cut.
    const visitor = await eventually(async () => {
      const joined = collect(here.topic('t', { name: 'w', attempts: 3, delay: 0 }))
      await here.ready()
      expect(joined.errors).to.deep.equal([])
      return joined
    })
    visitor.unsubscribe()
    proxy.mend()
    await away.ready()
    await untilStatus(here, 'w', { consumers: 1 })
    await here.publish('t', 1)
    await untilStatus(here, 'w', { deadLettered: 1, failed: 3 })
    expect(tries).to.deep.equal([1, 2, 3])
  }

  it('may change while only that one is attached, which takes them when it is back', async () => {
    const server = await start()
    await changesMeanwhile(server, server)
  })

  it('may differ, too, if it is attached at a follower', async () => {
    const leader = await start({ backbone: options => new Leader(options) })
    const follower = await start({
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leader.port),
          credential: () => Promise.resolve({ secret }),
          dial: throughProxies(),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    await changesMeanwhile(leader, follower)
  })

  it('are what it takes when its session is lost, too', async () => {
    const server = await start({ sessionTtl: 20 })
    proxy = await Proxy.to(server.port)
    const [away, here] = [bus(proxy.port), bus(server.port)]
    const tries = failing(away, { attempts: 2, delay: 0 })
    await away.ready()
    proxy.cut()
    await untilStatus(here, 'w', { consumers: 0 })
    const visitor = collect(here.topic('t', { name: 'w', attempts: 3, delay: 0 }))
    await here.ready()
    proxy.mend()
    await untilStatus(here, 'w', { consumers: 2 })
    visitor.unsubscribe()
    await untilStatus(here, 'w', { consumers: 1 })
    await here.publish('t', 1)
    await untilStatus(here, 'w', { deadLettered: 1, failed: 3 })
    expect(tries).to.deep.equal([1, 2, 3])
  })
})

describe('the rules of a name and a store', () => {
  let disk: Disk
  let server: HostServer
  let die: () => void
  let bus: Bus
  const start = async (port = 0): Promise<void> => {
    const mortal = disk.mortal()
    die = mortal.die
    server = await startServer({ port, awaitsStore: true })
    server.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
  }
  const visit = async (rules: object): Promise<void> => {
    const visitor = bus.topic('t', { name: 'w', ack: 'manual', prefetch: 1, ...rules }).subscribe()
    await bus.ready()
    visitor.unsubscribe()
    await untilStatus(bus, 'w', { consumers: 0 })
  }

  beforeEach(async () => {
    disk = new Disk()
    await start()
    ;({ bus } = clientOf(server.port))
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await server.close()
  })

  it('are kept', async () => {
    await visit({})
    await visit({ attempts: 2, delay: 0 })
    await publishAll(bus, 't', [1])
    const { port } = server
    die()
    await server.close()
    await start(port)
    await bus.ready()
    const seen: Message[] = []
    const rules = keepingRules({ name: 'w', ack: 'manual' })
    bus.topic('t', rules).subscribe(message => (seen.push(message), message.nack()))
    await untilStatus(bus, 'w', { deadLettered: 1 })
    expect(seen.map(({ attempt }) => attempt)).to.deep.equal([1, 2])
  })

  it('hold for messages on the disk: a change to drop-newest loses nothing else', async () => {
    await visit({})
    // More than are kept in memory.
    const count = 3_000
    await publishAll(bus, 't', upTo(count))
    await visit({ maxPending: count, overflow: 'drop-newest' })
    await publishAll(bus, 't', ['dropped', 'dropped'])
    await untilStatus(bus, 'w', { pending: count, dropped: 2 })
    const rules = keepingRules({ name: 'w', prefetch: 10 })
    await collect(bus.topic('t', rules).pipe(take(10))).completion()
    await untilStatus(bus, 'w', { consumers: 0, pending: count - 10, inFlight: 0 })
    await publishAll(bus, 't', ['late', 'later'])
    const rest = collect(bus.topic('t', rules))
    expect(payloads(await rest.first(count - 8))).to.deep.equal([...upTo(count).slice(10), 'late', 'later'])
    await untilStatus(bus, 'w', { acked: count + 2, pending: 0, dropped: 2 })
  })
})
