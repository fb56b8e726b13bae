import { expect } from 'chai'
import { HostStore } from '../../../src/host/store/host-store.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { Bus, Message } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'

const MESSAGES = 2_000
/** A slow disk: meanwhile a consumer begins and settles many messages. */
const WRITE_MS = 20

describe('a host with a store that ends in order', () => {
  let disk: Disk
  let server: HostServer
  let open: Bus[]

  const start = async (port = 0): Promise<void> => {
    const { store } = disk.mortal()
    const write = store.transact.bind(store)
    store.transact = async collect => {
      await write(collect)
      await new Promise(resolve => setTimeout(resolve, WRITE_MS))
    }
    server = await startServer({ port, awaitsStore: true })
    server.openStore(new HostStore({ store, warn: text => expect.fail(text) }))
  }
  const bus = (): Bus => {
    const { bus } = clientOf(server.port)
    open.push(bus)
    return bus
  }

  beforeEach(async () => {
    disk = new Disk()
    open = []
    await start()
  })
  afterEach(async () => {
    await Promise.all(open.map(each => each.close({ drain: false })))
    await server.close()
  })

  for (const ordered of [true, false]) {
    it(`leaves to the next host no delivery that it did not write down${ordered ? ', ordered' : ''}`, async () => {
      const options = { name: 'work', ordered, prefetch: 1 }
      const begun = new Set<string>()
      const first = bus()
      first.topic('t', options).subscribe(({ id }) => begun.add(id))
      await first.ready()
      const publisher = bus()
      await Promise.all(Array.from({ length: MESSAGES }, (_, n) => publisher.publish('t', n)))
      await eventually(() => expect(begun.size).to.be.greaterThan(0))
      const { port } = server
      await server.close()
      // Its verdicts would spare the next consumer what it was handed last.
      await first.close({ drain: false })
      const atEnd = begun.size
      expect(atEnd, 'it ended in the middle').to.be.lessThan(MESSAGES)
      await start(port)
      const again: Message[] = []
      bus()
        .topic('t', options)
        .subscribe(message => again.push(message))
      await eventually(() =>
        expect(new Set([...begun, ...again.map(({ id }) => id)]).size).to.equal(MESSAGES),
      )
      const unflagged = again.filter(({ id, redelivered }) => begun.has(id) && !redelivered)
      expect(unflagged.map(({ payload }) => payload)).to.deep.equal([])
    })
  }
})
