import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { inboxRequest } from '../../../src/bus/actors/reply-inbox.js'
import { Follower } from '../../../src/host/backbone/follower/follower.js'
import { openMailbox } from '../../../src/host/actors/mailbox.js'
import { Leader } from '../../../src/host/backbone/leader/leader.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { MAILBOX } from '../../../src/message/topic.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer, type Client } from '../../support/host-server.js'
import { untilStatus } from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'

const ADDRESS = '$reply/asker'

describe('answers given by a host with a store before the client that asked its predecessor is back', () => {
  const disk = new Disk()
  let server: HostServer
  let proxy: Proxy
  const clients: Client[] = []
  let die = (): unknown => undefined
  const client = (port: number): Client => {
    const made = clientOf(port)
    clients.push(made)
    return made
  }
  const start = async (port = 0): Promise<void> => {
    const mortal = disk.mortal()
    die = mortal.die
    server = await startServer({ port, awaitsStore: true, backbone: options => new Leader(options) })
    server.openStore(new HostStore({ store: mortal.store, warn: () => undefined }))
  }

  beforeEach(async () => {
    await start()
    proxy = await Proxy.to(server.port)
  })
  afterEach(async () => {
    await Promise.all(clients.splice(0).map(({ bus }) => bus.close({ drain: false })))
    await proxy.close()
    await server.close()
  })

  const restart = async (): Promise<void> => {
    const { port } = server
    die()
    await server.close()
    await start(port)
  }
  /** Asks by way of that host. @returns all that comes to its address */
  const asking = async ({ broker, bus }: Client): Promise<unknown[]> => {
    const got: unknown[] = []
    broker.consume(inboxRequest(ADDRESS), {
      next: message => {
        got.push(message.payload)
        message.ack()
      },
      error: error => got.push(error),
      complete: () => undefined,
    })
    // The store knows its van.
    bus.topic('work', { name: 'work' }).subscribe()
    await bus.ready()
    return got
  }
  const answer = async (): Promise<void> => {
    const answerer = client(server.port)
    for (const [id, answer] of [
      ['1', 'next'],
      ['1', 'last'],
      ['2', 'last'],
    ] as const)
      await answerer.broker.publish(ADDRESS, `${id} ${answer}`, { $ask: id, $answer: answer })
  }

  it('wait for it, in order', async () => {
    const got = await asking(client(proxy.port))
    proxy.cut()
    await restart()
    await answer()
    expect(got).to.deep.equal([])
    proxy.mend()
    await eventually(() => expect(got).to.deep.equal(['1 next', '1 last', '2 last']))
  })

  it('wait for it where its actor is stopped: each of its questions ends with ActorStoppedError', async () => {
    const { bus } = client(proxy.port)
    openMailbox(server.broker('default'), 'a', 5)
    const questions = Array.from({ length: 150 }, (_, i) => firstValueFrom(bus.actors.ref('a').ask(i)))
    const ends = Promise.allSettled(questions)
    const { bus: other } = client(server.port)
    await untilStatus(other, MAILBOX + 'a', { pending: 150 })
    proxy.cut()
    await restart()
    await server.broker('default').retire(MAILBOX + 'a', 'Actor a has ended: it was stopped.')
    proxy.mend()
    for (const end of await ends) expect(end).to.have.nested.property('reason.code', 'MSGVAN_ACTOR_STOPPED')
    expect(await other.deadLetters().list()).to.deep.equal([])
  })

  it('wait for it, in order, where it is a client of another host that is not back either', async () => {
    const follower = await startServer({
      hostStatus: () => ({
        ...{ id: 'follower', pid: process.pid, version: '0', port: 1900, address: '' },
        ...{ leader: false, capabilities: {}, uptimeMs: 0 },
      }),
      backbone: options =>
        new Follower({
          ...options,
          leader: `http://127.0.0.1:${proxy.port}`,
          credential: () => Promise.resolve({ secret }),
          dial: throughProxies(),
          seat: 'the only one',
          maxPayload: 1_000_000,
        }),
    })
    const asker = client(follower.port)
    const got = await asking(asker)
    proxy.cut()
    await restart()
    await answer()
    expect(got).to.deep.equal([])
    proxy.mend()
    await eventually(() => expect(got).to.deep.equal(['1 next', '1 last', '2 last']))
    await asker.bus.close({ drain: false })
    proxy.cut()
    await eventually(() => expect(proxy.open).to.equal(0))
    await follower.close()
  })
})
