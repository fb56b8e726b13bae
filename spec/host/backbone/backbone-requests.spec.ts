import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { NameTakenError, RemoteError, UnsupportedError } from '../../../src/index.js'
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
      backbone: means =>
        leader === undefined
          ? new Leader(means)
          : new Follower({
              ...means,
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
      host.backbone.serve('who', (body, from) => Promise.resolve({ at: idOf(host), body, from }))
    for (const asking of hosts)
      for (const asked of hosts)
        expect(await asking.backbone.request(idOf(asked), 'who', [1])).to.deep.equal({
          at: idOf(asked),
          body: [1],
          from: idOf(asking),
        })
  })

  it('fails with the error of the addressee, and when the addressee is gone', async () => {
    const leader = await start()
    const follower = await start(leader)
    await eventually(() => expect(follower.backbone.members.list()).to.have.lengthOf(2))
    for (const { backbone } of [leader, follower])
      backbone.serve('fail', () => Promise.reject(new NameTakenError('the name is taken')))
    for (const [asking, asked] of [
      [leader, follower],
      [follower, leader],
    ] as const) {
      const ask = (name: string): Promise<unknown> => asking.backbone.request(idOf(asked), name, undefined)
      expect(await rejection(ask('fail'))).to.be.instanceOf(NameTakenError)
      expect(await rejection(ask('nothing'))).to.be.instanceOf(UnsupportedError)
      expect(await rejection(asking.backbone.request('nobody', 'fail', undefined))).to.be.instanceOf(
        RemoteError,
      )
    }
  })
})
