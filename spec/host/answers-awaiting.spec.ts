import { expect } from 'chai'
import { lettersOn } from '../../src/bus/letterbox.js'
import type { HostServer } from '../../src/host/server.js'
import { HostStore } from '../../src/host/store/host-store.js'
import { Disk } from '../support/disk.js'
import { eventually } from '../support/eventually.js'
import { clientOf, startServer, type Client } from '../support/host-server.js'
import { Proxy } from '../support/proxy.js'

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
    server = await startServer({ port, awaitsStore: true })
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

  it('wait for it, in order', async () => {
    const asker = client(proxy.port)
    const got: unknown[] = []
    asker.broker.consume(lettersOn(ADDRESS), {
      next: message => {
        got.push(message.payload)
        message.ack()
      },
      error: error => got.push(error),
      complete: () => undefined,
    })
    // The store knows its van.
    asker.bus.topic('work', { name: 'work' }).subscribe()
    await asker.bus.ready()
    proxy.cut()
    const { port } = server
    die()
    await server.close()
    await start(port)
    const answerer = client(port)
    for (const [id, answer] of [
      ['1', 'next'],
      ['1', 'last'],
      ['2', 'last'],
    ] as const)
      await answerer.broker.publish(ADDRESS, `${id} ${answer}`, { $ask: id, $answer: answer })
    expect(got).to.deep.equal([])
    proxy.mend()
    await eventually(() => expect(got).to.deep.equal(['1 next', '1 last', '2 last']))
  })
})
