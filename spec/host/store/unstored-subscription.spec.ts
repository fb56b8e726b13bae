import { expect } from 'chai'
import { GapError, type Bus } from '../../../src/index.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { collect, payloads } from '../../support/messages.js'

describe('a subscription that began while the disk failed, at the death of its host', () => {
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
  beforeEach(async () => {
    disk = new Disk()
    await start()
    bus = clientOf(server.port).bus
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await server.close()
  })

  it('gets a GapError, because the store does not know of it; the bus goes on, and its other subscriptions miss nothing', async () => {
    const gaps: GapError[] = []
    bus.errors$.subscribe(error => {
      if (error instanceof GapError) gaps.push(error)
    })
    const stored = collect(bus.topic(/^stored$/))
    await bus.ready()
    disk.isFull = true
    const unstored = collect(bus.topic(/^unstored$/))
    await bus.ready()
    const { port } = server
    die()
    await server.close()
    disk.isFull = false
    await start(port)
    await eventually(() => expect(gaps.map(({ patterns }) => patterns)).to.deep.equal([['/^unstored$/']]))
    await bus.publish('stored', 1)
    await bus.publish('unstored', 2)
    expect([payloads(await stored.first(1)), payloads(await unstored.first(1))]).to.deep.equal([[1], [2]])
  })
})
