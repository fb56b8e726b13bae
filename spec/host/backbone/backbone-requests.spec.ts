import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { InvalidOptionError, NameTakenError, RemoteError, UnsupportedError } from '../../../src/index.js'
import type { SentRequest } from '../../../src/wire/calls/host-requests.js'
import { eventually } from '../../support/eventually.js'
import { secret, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/rejection.js'

describe('a request between hosts', () => {
  const servers: HostServer[] = []
  const start = async (leader?: HostServer): Promise<HostServer> => {
    const id = randomUUID()
    const server = await startServer({
      hostStatus: () => ({
        id,
        pid: process.pid,
        version: '0',
        port: 1900,
        address: '127.0.0.1',
        leader: leader === undefined,
        capabilities: {},
        uptimeMs: 0,
      }),
      backbone: options =>
        leader === undefined
          ? new Leader(options)
          : new Follower({
              ...options,
              leader: hostUrl(leader.port),
              credential: () => Promise.resolve({ secret }),
              seat: id,
              maxPayload: 1_000_000,
            }),
    })
    servers.push(server)
    return server
  }
  const idOf = ({ backbone }: HostServer): string => backbone.members.self.id

  afterEach(async () => {
    await Promise.all(servers.splice(0).map(server => server.close()))
  })

  it('is answered by its addressee for every caller: the leader, a follower, the host itself', async () => {
    const leader = await start()
    const hosts = [leader, await start(leader), await start(leader)]
    await eventually(() => {
      for (const { backbone } of hosts) expect(backbone.members.list()).to.have.lengthOf(3)
    })
    for (const host of hosts)
      host.backbone.serve('actors.named', ({ van, name }, from) => ({
        ...{ self: { id: 'a', name }, host: idOf(host), module: van, export: from },
      }))
    for (const asking of hosts)
      for (const asked of hosts)
        expect(
          await asking.backbone.request(idOf(asked), 'actors.named', { van: 'v', name: 'n' }),
        ).to.deep.equal({
          ...{ self: { id: 'a', name: 'n' }, host: idOf(asked), module: 'v', export: idOf(asking) },
        })
  })

  it('fails with the error of the addressee, and when the addressee is gone', async () => {
    const leader = await start()
    const follower = await start(leader)
    await eventually(() => expect(follower.backbone.members.list()).to.have.lengthOf(2))
    for (const { backbone } of [leader, follower])
      backbone.serve('actors.stop', () => Promise.reject(new NameTakenError('the name is taken')))
    for (const [asking, asked] of [
      [leader, follower],
      [follower, leader],
    ] as const) {
      const stop = (host: string, args: object): Promise<boolean> =>
        asking.backbone.request(host, 'actors.stop', args as SentRequest<'actors.stop'>)
      expect(await rejection(stop(idOf(asked), { van: 'v', id: 'a' }))).to.be.instanceOf(NameTakenError)
      expect(await rejection(stop('none', { van: 'v', id: 'a' }))).to.be.instanceOf(RemoteError)
      // Its handler does not run.
      expect(await rejection(stop(idOf(asked), { van: 'v', id: 5 }))).to.be.instanceOf(InvalidOptionError)
      const unserved = asking.backbone.request(idOf(asked), 'actors.find', { van: 'v', name: 'n' })
      expect(await rejection(unserved)).to.be.instanceOf(UnsupportedError)
    }
  })
})
