import { expect } from 'chai'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer, HostServerOptions } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { version, type Bus, type Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect } from '../../support/messages.js'

const KILOBYTE = 1024
const MEGABYTE = KILOBYTE * KILOBYTE
const body = Buffer.alloc(100 * KILOBYTE)
const MOST = 3 * MEGABYTE

describe('the memory of a van', () => {
  const servers: HostServer[] = []
  const buses: Bus[] = []
  const start = async (options: Partial<HostServerOptions> = {}): Promise<HostServer> => {
    const server = await startServer({ vanMemory: MOST, ...options })
    servers.unshift(server)
    return server
  }
  const client = (server: HostServer): Bus => {
    const { bus } = clientOf(server.port)
    buses.push(bus)
    return bus
  }
  const bytesOf = async (bus: Bus): Promise<number> => (await bus.status()).memory?.van.bytes ?? 0

  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.close({ drain: false })
    for (const server of servers.splice(0)) await server.close()
  })

  const withStore = async (disk: Disk, hostMemory?: number): Promise<HostServer> => {
    const server = await start({ awaitsStore: true, ...(hostMemory === undefined ? {} : { hostMemory }) })
    server.openStore(new HostStore({ store: disk.store, warn: () => undefined }))
    return server
  }

  it('is not used up by what subscriptions read from the disk: beyond a share each reads one at a time', async () => {
    // A quarter of it is for reading.
    const server = await withStore(new Disk(), 12 * MEGABYTE)
    const publisher = client(server)
    for (let n = 0; n < 50; n += 1) await publisher.publish('t', body)
    const seen = Array.from({ length: 20 }, () =>
      collect(client(server).topic('t', { from: 'start', ack: 'manual', prefetch: 1_000 })),
    )
    await Promise.all(seen.map(each => each.first(1)))
    await publisher.publish('t', 'new')
    await publisher.ready()
    // All of them together would have 100 MB.
    const inHand = seen.reduce((sum, { values }) => sum + values.length, 0)
    expect(inHand * body.length).to.be.within(2 * MEGABYTE, 10 * MEGABYTE)
    const settled = new Set<Message>()
    await eventually(() => {
      for (const { values } of seen)
        for (const message of values)
          if (!settled.has(message)) {
            settled.add(message)
            message.ack()
          }
      expect(settled.size).to.equal(20 * 51)
    }, 30_000)
    for (const { values } of seen) expect(values.at(-1)?.payload).to.equal('new')
  })

  it('counts messages until they are on the disk', async () => {
    const disk = new Disk()
    const server = await withStore(disk)
    const bus = client(server)
    await bus.ready()
    const { begun, fail } = disk.failNext(() => undefined)
    const first = bus.publish('t', body).catch((error: unknown) => String(error))
    await begun
    const more = Array.from({ length: 40 }, () => bus.publish('t', body))
    const watcher = client(server)
    await eventually(async () => expect(await bytesOf(watcher)).to.be.greaterThan(MOST))
    fail()
    expect(await first).to.contain('StoreError')
    await Promise.all(more)
    await eventually(async () => expect(await bytesOf(watcher)).to.equal(0))
  })

  it('counts what a follower has of its leader, which keeps the rest when it is full', async () => {
    const leader = await start({ backbone: means => new Leader(means), vanMemory: 100 * MEGABYTE })
    const follower = await start({
      hostStatus: () => ({
        ...{ id: 'follower', pid: process.pid, version, port: 0, address: '', leader: false },
        ...{ capabilities: {}, uptimeMs: 0 },
      }),
      backbone: means =>
        new Follower({
          ...means,
          leader: hostUrl(leader.port),
          credential: () => Promise.resolve({ secret }),
          seat: 'follower',
          maxPayload: 8 * MEGABYTE,
        }),
    })
    const [reader, publisher] = [client(follower), client(leader)]
    const options = { ack: 'manual', prefetch: 1_000_000, maxPending: 1_000_000 } as const
    const seen = collect(reader.topic('t', options))
    await eventually(async () => expect((await reader.status()).hosts).to.have.length(2))
    await reader.ready()
    for (let n = 0; n < 300; n += 1) await publisher.publish('t', body)
    await eventually(async () => expect(await bytesOf(reader)).to.be.greaterThan(MOST))
    expect(await bytesOf(reader)).to.be.lessThan(30 * MEGABYTE)
    const settled = new Set<Message>()
    await eventually(() => {
      for (const message of seen.values)
        if (!settled.has(message)) {
          message.ack()
          settled.add(message)
        }
      expect(settled.size).to.equal(300)
    }, 20_000)
    await eventually(async () => expect(await bytesOf(reader)).to.equal(0))
  })
})
