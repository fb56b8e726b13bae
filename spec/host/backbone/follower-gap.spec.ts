import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { NEVER } from 'rxjs'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { GapError, handle, type Bus } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, upTo } from '../../support/messages.js'

describe('when the leader of a host dies, a client of that host', () => {
  let leader: HostServer
  let follower: HostServer
  let buses: Bus[]
  let disk: Disk | undefined
  const lines: string[] = []
  const bus = ({ port }: HostServer): Bus => {
    const { bus } = clientOf(port)
    buses.push(bus)
    return bus
  }
  let die = (): unknown => undefined

  const startLeader = async (port = 0): Promise<void> => {
    const id = randomUUID()
    leader = await startServer({
      port,
      awaitsStore: disk !== undefined,
      backbone: options => new Leader(options),
      hostStatus: () => ({
        ...{ id, pid: process.pid, version: '0', port, address: '', leader: true },
        ...{ capabilities: {}, uptimeMs: 0 },
      }),
    })
    if (disk === undefined) return
    const mortal = disk.mortal()
    die = mortal.die
    leader.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
  }
  const startAll = async (): Promise<void> => {
    await startLeader()
    follower = await startServer({
      warn: line => void lines.push(line),
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leader.port),
          credential: () => Promise.resolve({ secret }),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
  }
  const kill = async (): Promise<number> => {
    const { port } = leader
    die()
    await leader.close()
    return port
  }

  beforeEach(() => {
    buses = []
    lines.length = 0
    disk = undefined
    die = () => undefined
  })
  afterEach(async () => {
    await Promise.all(buses.map(each => each.close({ drain: false })))
    await follower.close()
    await leader.close()
  })

  it('learns the names whose messages waited in the memory of the leader; other clients learn nothing', async () => {
    await startAll()
    const [consumer, listener, publisher] = [bus(follower), bus(follower), bus(follower)]
    const told = [consumer, listener, publisher].map(each => collect(each.errors$))
    const work = consumer.topic('jobs', { name: 'work', prefetch: 1 }).pipe(handle(() => NEVER))
    const inHand = work.subscribe()
    listener.topic('news').subscribe()
    await Promise.all([consumer, listener, publisher].map(each => each.ready()))
    await Promise.all(upTo(10).map(i => publisher.publish('jobs', i)))
    await startLeader(await kill())
    const [ofConsumer] = (await told[0]?.first(1)) ?? []
    expect(ofConsumer)
      .to.be.instanceOf(GapError)
      .and.deep.include({ patterns: ['jobs'], names: ['work'] })
    expect(ofConsumer?.message).to.contain('The leader of the host').and.contain('memory')
    const [ofListener] = (await told[1]?.first(1)) ?? []
    expect(ofListener)
      .to.be.instanceOf(GapError)
      .and.deep.include({ patterns: ['news'], names: [] })
    // Behind it, in the same session: whoever has nothing to miss is told of nothing.
    await publisher.ready()
    expect(told[2]?.values).to.deep.equal([])
    expect(told.map(({ values }) => values.length)).to.deep.equal([1, 1, 0])
    expect(lines.join()).to.contain('does not know this host any more')
    inHand.unsubscribe()
  })

  it('learns which subscriptions without a name may have missed messages of the next leader before its host was back', async () => {
    disk = new Disk()
    await startAll()
    const listener = bus(follower)
    const told = collect(listener.errors$)
    const got: unknown[] = []
    listener.topic(/^news/).subscribe(({ payload }) => got.push(payload))
    listener.topic('news', { name: 'kept' }).subscribe()
    // The leader keeps this one, by which it knows the follower again: that says nothing of all the others.
    listener.topic('old', { from: 'start' }).subscribe()
    await listener.ready()
    const publisher = bus(leader)
    await publisher.publish('news', 1)
    await eventually(() => expect(got).to.deep.equal([1]))
    await startLeader(await kill())
    const [gap] = await told.first(1)
    expect(gap)
      .to.be.instanceOf(GapError)
      .and.deep.include({ patterns: ['/^news/'], names: [] })
    await listener.ready()
    await publisher.publish('news', 2)
    await eventually(() => expect(got).to.include(2))
    expect(told.values).to.have.lengthOf(1)
  })
})
