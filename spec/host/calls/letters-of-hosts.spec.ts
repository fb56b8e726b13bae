import { expect } from 'chai'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { CallsToLeader } from '../../../src/host/backbone/follower/calls-to-leader.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostUnreachableError, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { publishAll, rejection, upTo } from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'

const status = (id: string) => () => ({
  ...{ id, pid: process.pid, version: '0', port: 1, address: id, leader: id === 'leader' },
  ...{ capabilities: {}, uptimeMs: 0 },
})

/** Makes so many dead letters. */
async function letters(bus: Bus, name: string | undefined, count: number): Promise<void> {
  const options = name === undefined ? { attempts: 1 } : { name, attempts: 1 }
  const topic = `t.${name ?? 'unnamed'}`
  bus.topic(topic, options).subscribe(message => message.reject('no'))
  await bus.ready()
  await publishAll(bus, topic, upTo(count))
  await eventually(async () => expect(await bus.deadLetters().list()).to.have.lengthOf.at.least(count))
}

describe('the dead letters of several hosts', () => {
  let leader: HostServer
  let follower: HostServer
  let way: Proxy
  let near: Bus
  let far: Bus

  beforeEach(async () => {
    leader = await startServer({ backbone: options => new Leader(options), hostStatus: status('leader') })
    way = await Proxy.to(leader.port)
    follower = await startServer({
      hostStatus: status('follower'),
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(way.port),
          credential: () => Promise.resolve({ secret }),
          dial: throughProxies(),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    near = clientOf(leader.port).bus
    far = clientOf(follower.port).bus
    await Promise.all([near.ready(), far.ready()])
    await eventually(() => expect(follower.backbone.members.list()).to.have.lengthOf(2))
  })

  afterEach(async () => {
    await Promise.all([near, far].map(bus => bus.close({ drain: false })))
    await way.close()
    await follower.close()
    await leader.close()
  })

  const away = async (): Promise<void> => {
    way.cut()
    await eventually(() => expect(follower.backbone.members.list()).to.have.lengthOf(1))
    await eventually(() => expect(leader.backbone.members.list()).to.have.lengthOf(1))
  }

  for (const verb of ['replay', 'purge'] as const)
    it(`${verb}: a follower waits for its leader that is away, and gives the true number`, async () => {
      await letters(far, 'w', 3)
      await away()
      const done = far.deadLetters()[verb]()
      await far.ready()
      expect(await near.deadLetters().list()).to.have.lengthOf(3)
      way.mend()
      expect(await done).to.equal(3)
    })

  it('list: a follower waits for its leader that is away', async () => {
    await letters(far, 'w', 3)
    await away()
    const listed = far.deadLetters().list()
    await far.ready()
    way.mend()
    expect(await listed).to.have.lengthOf(3)
  })

  it('replay and purge at a leader reject for a follower that is away, with what they did', async () => {
    await letters(near, 'w', 3)
    await letters(far, undefined, 2)
    await away()
    const replaying = await rejection(near.deadLetters().replay({ subscription: 'w' }))
    expect(replaying).to.be.instanceOf(HostUnreachableError)
    expect(String(replaying))
      .to.contain('The host at follower:1 cannot be reached.')
      .and.contain('replayed: 3')
    await eventually(async () => expect(await near.deadLetters().list()).to.have.lengthOf(3))
    expect(String(await rejection(near.deadLetters().purge()))).to.contain('purged: 3')
    way.mend()
    await eventually(() => expect(leader.backbone.members.list()).to.have.lengthOf(2))
    expect(await near.deadLetters().purge()).to.equal(2)
  })
})

describe('a call of a follower that needs its leader', () => {
  const never = new Promise<void>(() => undefined)
  const calls = (isUp: boolean, down: Promise<void>, asked: string[]): CallsToLeader =>
    new CallsToLeader({
      remote: {
        call: (...given) => {
          asked.push(given[0])
          return new Promise(() => undefined)
        },
      },
      presence: { firstAttempt: undefined, isUp, up: never, down },
      leader: 'there:1',
      awayMs: 1,
      requested: () => never,
      answer: () => never,
      tellPublisher: () => undefined,
    })

  it('is rejected, and does nothing, when the leader does not come back', async () => {
    const asked: string[] = []
    const error = await rejection(calls(false, never, asked).ask('deadLetters.purge', {}))
    expect(error).to.be.instanceOf(HostUnreachableError)
    expect(String(error)).to.contain('The leader at there:1 could not be reached within 1 ms')
    expect(asked).to.deep.equal([])
  })

  it('is rejected as unknown when the leader is lost before it answers', async () => {
    const asked: string[] = []
    const error = await rejection(calls(true, Promise.resolve(), asked).ask('deadLetters.purge', {}))
    expect(error).to.be.instanceOf(HostUnreachableError)
    expect(String(error)).to.contain('it is unknown whether the call was carried out')
    expect(asked).to.deep.equal(['deadLetters.purge'])
  })

  it('leaves out a leader that is away where the answer says so: status', async () => {
    const asked: string[] = []
    expect(await calls(false, never, asked).ask('status', undefined)).to.deep.equal([])
    expect(asked).to.deep.equal([])
  })
})
