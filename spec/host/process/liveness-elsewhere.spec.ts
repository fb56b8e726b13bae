import { expect } from 'chai'
import { Observable } from 'rxjs'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import type { HostServer, HostServerOptions } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { Bus, Message } from '../../../src/index.js'
import { Claim } from '../../../src/message/claim.js'
import { Message as MessageClass } from '../../../src/message/message.js'
import { version } from '../../../src/version.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, publishAll, upTo } from '../../support/messages.js'

const STALL = 100

/** As `handle` would be if it lost its places: it claims what comes, and begins none of it. */
const standingStill = (source: Observable<Message>) =>
  new Observable<never>(subscriber => {
    const waiting: Message[] = []
    const places = {
      free: 1,
      get waiting() {
        return waiting.length
      },
    }
    subscriber.add(
      source.subscribe(message => {
        new Claim(message)
        MessageClass.settlerOf(message).worksIn?.(places)
        waiting.push(message)
      }),
    )
  })

describe('a consumer that stands still', () => {
  const servers: HostServer[] = []
  const buses: Bus[] = []
  let warnings: string[]
  let followerWarnings: string[]

  const host = async (id: string, into: string[], more: Partial<HostServerOptions>): Promise<HostServer> => {
    const server: HostServer = await startServer({
      stallAfter: STALL,
      awaitsStore: true,
      warn: text => into.push(text),
      hostStatus: () => {
        const { port } = server
        return { id, pid: process.pid, version, port, address: '', leader: id === 'leader', capabilities: {}, uptimeMs: 0 } // prettier-ignore
      },
      ...more,
    })
    server.openStore(new HostStore({ store: new Disk().mortal().store, warn: () => undefined }))
    servers.push(server)
    return server
  }
  const busOf = ({ port }: HostServer): Bus => {
    const { bus } = clientOf(port)
    buses.push(bus)
    return bus
  }
  const join = async (leader: HostServer): Promise<Bus> => {
    const follower = await host('follower', followerWarnings, {
      backbone: options =>
        new Follower({
          ...options,
          leader: hostUrl(leader.port),
          credential: () => Promise.resolve({ secret }),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    return busOf(follower)
  }

  beforeEach(() => {
    warnings = []
    followerWarnings = []
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(each => each.close({ drain: false })))
    for (const server of servers.splice(0).reverse()) await server.close()
  })

  it('is named while it gets a replay, with a name or without', async () => {
    const bus = busOf(await host('leader', warnings, { backbone: options => new Leader(options) }))
    await publishAll(bus, 't', upTo(5))
    bus.topic('t', { name: 'replay', from: 'start', prefetch: 2 }).pipe(standingStill).subscribe()
    bus.topic(/^t$/, { from: 'start', prefetch: 2 }).pipe(standingStill).subscribe()
    const well = collect(bus.topic('t', { from: 'start' }))
    await eventually(() => expect(warnings).to.have.lengthOf(2))
    for (const warning of warnings)
      expect(warning)
        .to.contain('handle has free places')
        .and.contain('2 are in flight')
        .and.contain('2 of them wait in handle, 1 places free')
    expect(warnings.filter(text => text.includes('the subscription replay'))).to.have.lengthOf(1)
    expect(well.values).to.have.lengthOf(5)
  })

  it('is named by the host that it is a client of, a follower, also while it gets a replay that its leader keeps', async () => {
    const leader = await host('leader', warnings, { backbone: options => new Leader(options) })
    const near = busOf(leader)
    const far = await join(leader)
    await publishAll(near, 't', upTo(5))
    far.topic('t', { name: 'replay', from: 'start', prefetch: 2 }).pipe(standingStill).subscribe()
    far.topic('u', { name: 'live', prefetch: 2 }).pipe(standingStill).subscribe()
    await far.ready()
    await publishAll(near, 'u', upTo(5))
    await eventually(() => expect(followerWarnings).to.have.lengthOf(2))
    for (const name of ['replay', 'live']) {
      const [warning] = followerWarnings.filter(text => text.includes(`the subscription ${name}`))
      expect(warning).to.contain('2 are in flight').and.contain('2 of them wait in handle, 1 places free')
    }
    // Between the two hosts nothing stands still.
    expect(warnings).to.deep.equal([])
  })
})
