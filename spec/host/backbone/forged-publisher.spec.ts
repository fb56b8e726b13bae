import { expect } from 'chai'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { HostServer, HostServerOptions } from '../../../src/host/listen/server.js'
import type { Bus } from '../../../src/index.js'
import { partsOf } from '../../../src/message/message-id.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { identityOf } from '../../support/identity.js'
import { collect, payloads, upTo } from '../../support/messages.js'
import { GuardedHost } from '../../support/principals.js'
import { Rogue } from '../../support/rogue.js'

const FAR_AHEAD = 2 ** 40

describe('a host that publishes under the name of a publisher elsewhere', () => {
  let leader: HostServer
  const servers: HostServer[] = []
  const buses: Bus[] = []
  const rogues: Rogue[] = []

  const bus = ({ port }: HostServer, options: Parameters<typeof clientOf>[1] = {}): Bus => {
    const made = clientOf(port, options).bus
    buses.push(made)
    return made
  }
  const start = async (options: Partial<HostServerOptions>): Promise<HostServer> => {
    const server = await startServer(options)
    servers.push(server)
    return server
  }
  const follow = (seat: string): Promise<HostServer> =>
    start({
      hostStatus: () => ({
        ...{ id: seat, pid: process.pid, version: '0', port: 1900, address: '127.0.0.1', leader: false },
        ...{ capabilities: {}, uptimeMs: 0 },
      }),
      backbone: options =>
        new Follower({
          ...{ ...options, leader: hostUrl(leader.port), seat, maxPayload: 1_000_000 },
          credential: () => Promise.resolve({ secret }),
        }),
    })
  const rogue = async (server: HostServer, options: { name?: string; asHost?: string }): Promise<Rogue> => {
    const client = options.name === undefined ? undefined : identityOf(options.name)
    const made = await Rogue.join({
      url: hostUrl(server.port),
      credential: { secret },
      ...(client && { client }),
    })
    rogues.push(made)
    if (options.asHost !== undefined) made.joinAsHost(options.asHost)
    return made
  }
  const joined = (count: number) =>
    eventually(() => expect(leader.backbone.members.list()).to.have.lengthOf(count))

  beforeEach(async () => {
    leader = await start({ backbone: options => new Leader(options) })
  })
  afterEach(async () => {
    for (const each of rogues.splice(0)) each.close()
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    for (const each of servers.splice(0).reverse()) await each.close()
  })

  it('takes no message from it: not at the leader, nor at another host', async () => {
    const [near, far] = [await follow('near'), await follow('far')]
    const victim = bus(near)
    const seen = [bus(leader), bus(far), bus(near)].map(each => collect(each.topic<number>('t')))
    await Promise.all(buses.map(each => each.ready()))
    await joined(3)
    await victim.publish('t', 1)
    const [first] = await Promise.all(seen.map(each => each.first(1)))
    const { publisher, sequence } = partsOf(first?.[0]?.id ?? '')
    const forger = await rogue(leader, { asHost: 'forger' })
    await joined(4)
    // Also under the name that it has at its own host.
    const names = [publisher, publisher.slice(publisher.indexOf('.') + 1)]
    for (const name of names) forger.passOn(name, FAR_AHEAD, 't', 'forged')
    for (const each of seen) await each.first(1 + names.length)
    await victim.publish('t', 2)
    for (const each of seen) {
      const messages = await each.first(2 + names.length)
      expect(payloads(messages)).to.deep.equal([1, 'forged', 'forged', 2])
      const [one, forged, again, two] = messages.map(({ id }) => partsOf(id))
      expect(one).to.deep.equal({ publisher, sequence })
      expect(two).to.deep.equal({ publisher, sequence: sequence + 1 })
      for (const { publisher: by } of [forged, again].filter(id => id !== undefined))
        expect(names).to.not.include(by)
    }
  })

  it('takes no message from a client of the leader itself', async () => {
    const far = await follow('far')
    const victim = bus(leader, { client: identityOf('victim') })
    const seen = [bus(leader), bus(far)].map(each => collect(each.topic<number>('t')))
    await Promise.all(buses.map(each => each.ready()))
    await joined(2)
    const forger = await rogue(leader, { asHost: 'forger' })
    await joined(3)
    forger.passOn(identityOf('victim').id, FAR_AHEAD, 't', 'forged')
    for (const each of seen) await each.first(1)
    await victim.publish('t', 1)
    for (const each of seen) expect(payloads(await each.first(2))).to.deep.equal(['forged', 1])
  })
})

describe('the mark of a publisher', () => {
  let host: GuardedHost
  const rogues: Rogue[] = []

  /** The one client of this key, by the token of a principal. */
  const publisher = async (name: string): Promise<Rogue> => {
    const made = await Rogue.join({
      url: hostUrl(host.server.port),
      credential: await tokenCredential(host.file.tokens.get(name) ?? ''),
      client: identityOf('publisher'),
    })
    rogues.push(made)
    return made
  }
  const leave = async (rogue: Rogue): Promise<void> => {
    rogue.close()
    host.server.endSession(identityOf('publisher').id)
    await eventually(() => expect(host.server.clients).to.equal(1))
  }

  afterEach(async () => {
    for (const each of rogues.splice(0)) each.close()
    await host.close()
  })

  it('is raised by no other principal, also one that has the key of that client, and survives a restart', async () => {
    const disk = new Disk()
    const rights = { publish: ['.*'], subscribe: ['.*'] }
    for (const round of [1, 2]) {
      const mortal = disk.mortal()
      if (round === 1)
        host = await GuardedHost.with({ ada: rights, eve: rights }, { awaitsStore: true, sessionTtl: 1 })
      else await host.restart()
      host.server.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
      const { bus } = host.client(undefined)
      const seen = collect(bus.topic('t', { name: 'all' }))
      await bus.ready()
      const eve = await publisher('eve')
      eve.publishFrom(FAR_AHEAD + round, 't', ['by eve'])
      expect(payloads(await seen.first(1))).to.deep.equal(['by eve'])
      await leave(eve)
      const ada = await publisher('ada')
      ada.publish('t', upTo(3 * round))
      const own = round === 1 ? upTo(3) : [4, 5, 6]
      expect(payloads(await seen.first(4))).to.deep.equal(['by eve', ...own])
      await leave(ada)
      await bus.close()
    }
  })
})
