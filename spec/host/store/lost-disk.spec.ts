import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { openHostStore } from '../../../src/host/store/open-host-store.js'
import type { Bus, MsgvanError } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/rejection.js'

describe('a host whose disk is gone', () => {
  let folder: string
  let server: HostServer
  let store: HostStore
  let bus: Bus
  let errors: string[]
  let states: string[]

  const connect = (): void => {
    bus = clientOf(server.port).bus
    bus.errors$.subscribe(({ code }: MsgvanError) => errors.push(code))
    bus.state$.subscribe(state => states.push(state))
  }
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
    errors = []
    states = []
    server = await startServer({ sessionTtl: 5_000, awaitsStore: true })
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await server.close()
    await store.close()
    await rm(folder, { recursive: true, force: true })
    await rm(`${folder}-away`, { recursive: true, force: true })
  })
  const onDisk = async (): Promise<void> => {
    const retention = { age: Infinity, bytes: 1024 ** 3 }
    store = await openHostStore(folder, { retention, warn: () => undefined, floor: 0 })
    server.openStore(store)
    connect()
  }

  /** Nobody is told what is not so, and everything ends. */
  const expectOrder = async (): Promise<void> => {
    expect(await rejection(bus.publish('t', 2))).to.include({ code: 'MSGVAN_STORE' })
    expect(await rejection(bus.publish('t', 3))).to.include({ code: 'MSGVAN_STORE' })
    const [own] = (await bus.status()).subscriptions.filter(({ name }) => name === 'n')
    expect(own).to.include({ consumers: 1, pending: 0 })
    expect(await bus.deadLetters().list()).to.deep.equal([])
    expect(await rejection(bus.unsubscribe('other'))).to.include({ code: 'MSGVAN_STORE' })
    const named = bus.topic('u', { name: 'm' }).subscribe()
    expect(await rejection(bus.ready())).to.include({ code: 'MSGVAN_STORE' })
    named.unsubscribe()
    expect(states.filter(state => state === 'connecting')).to.have.lengthOf(1)
    // The two publishes that were refused.
    expect(errors.splice(0)).to.deep.equal(['MSGVAN_STORE', 'MSGVAN_STORE'])
  }

  it('refuses publishes, names lost messages, and serves everything else when the folder is deleted', async () => {
    await onDisk()
    const got: unknown[] = []
    bus.topic('t', { name: 'n' }).subscribe(({ payload }) => got.push(payload))
    bus.topic('t', { name: 'other' }).subscribe().unsubscribe()
    await bus.ready()
    await bus.publish('t', 1)
    await eventually(() => expect(got).to.deep.equal([1]))
    await rm(folder, { recursive: true })
    await expectOrder()
  })

  it('takes no other file in the place of its own, and goes on when its own is back', async () => {
    await onDisk()
    bus.topic('t', { name: 'n' }).subscribe()
    bus.topic('t', { name: 'other' }).subscribe().unsubscribe()
    await bus.ready()
    await bus.publish('t', 1)
    await rename(folder, `${folder}-away`)
    await expectOrder()
    await rename(`${folder}-away`, folder)
    await eventually(() => bus.publish('t', 4))
    await bus.ready()
    await rename(join(folder, 'data.mdb'), join(folder, 'old.mdb'))
    await writeFile(join(folder, 'data.mdb'), '')
    expect(await rejection(bus.publish('t', 5))).to.include({ code: 'MSGVAN_STORE' })
  })

  it('answers what needs no disk while the disk does not answer', async () => {
    const { store: memory } = new Disk()
    let isStill = false
    let goOn = (): void => undefined
    const still = new Promise<void>(resolve => (goOn = resolve))
    const write = memory.transact.bind(memory)
    memory.transact = collect => (isStill ? still.then(() => write(collect)) : write(collect))
    store = new HostStore({ store: memory, warn: () => undefined })
    server.openStore(store)
    connect()
    bus.topic('t', { name: 'n' }).subscribe()
    await bus.ready()
    isStill = true
    const published = bus.publish('t', 1)
    let isTaken = false
    void published.then(() => (isTaken = true))
    expect((await bus.status()).subscriptions).to.have.lengthOf(1)
    expect(await bus.deadLetters().list()).to.deep.equal([])
    expect(isTaken).to.equal(false)
    isStill = false
    goOn()
    await published
  })
})
