import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { Actors } from '../../../src/host/actors/actors.js'
import { Handlers } from '../../../src/host/handlers/handlers.js'
import { ModuleRoots } from '../../../src/host/handlers/module-roots.js'
import { startRegistered } from '../../../src/host/handlers/registrations.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { keeping, keptRegistrations, openKept } from '../../../src/host/store/kept-registrations.js'
import { StoreError, type Bus } from '../../../src/index.js'
import { MAILBOX } from '../../../src/message/topic.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { actorsModule as module } from '../../support/hosts.js'
import { rejection } from '../../support/rejection.js'

const nothing = (): void => undefined

/** A host with a store and actors, in this process. */
interface Host {
  readonly server: HostServer
  readonly actors: Actors
  readonly warnings: string[]
  readonly offer: (capabilities: object) => void
  readonly die: () => void
}

/** Before an actor is started again. */
let pause = 5
/** The handlers of the previous host load for ever. */
let isLoading = false

async function startHost(disk: Disk, port: number, capabilities: Record<string, unknown>): Promise<Host> {
  const { store: table, die } = disk.mortal()
  const store = new HostStore({ store: table, warn: nothing })
  const warnings: string[] = []
  const host = {
    broker: (van: string) => server.broker(van),
    replace: (...subscription: Parameters<HostServer['replace']>) => server.replace(...subscription),
    get connection() {
      return { url: hostUrl(server.port), secret }
    },
    endSession: (client: string) => server.endSession(client),
    line: nothing,
    warn: (text: string) => void warnings.push(text),
    log: { error: nothing, warning: nothing, info: nothing, debug: nothing },
    capabilities: () => capabilities,
    restartDelay: () => pause,
    ...keeping(() => store),
  }
  const roots = new ModuleRoots([])
  const actors = new Actors(host, roots)
  const server: HostServer = await startServer({ port, sessionTtl: 5_000, awaitsStore: true, actors })
  server.openStore(store)
  const kept = keptRegistrations(store, undefined)
  openKept(server, kept, () => undefined)
  if (isLoading) {
    const slow = { van: 'default', name: 'slow', module: '', export: '', request: {}, callerIsLocalUser: true, callerIsHandler: false } // prettier-ignore
    const never = { restore: () => new Promise<void>(() => undefined) }
    void startRegistered(
      { ...kept, handlers: [{ ...slow, request: kept.subscriptions[0]?.request }] },
      never,
      actors,
      host.warn,
    )
  } else await startRegistered(kept, new Handlers(host, roots), actors, host.warn)
  return { server, actors, warnings, die, offer: changes => Object.assign(capabilities, changes) }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('actors of a host with a store, after its restart', () => {
  let folder: string
  let file: string
  let disk: Disk
  let host: Host
  let bus: Bus
  const COUNT = 1_500

  beforeEach(async () => {
    pause = 5
    isLoading = false
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    file = join(folder, 'file')
    disk = new Disk()
    host = await startHost(disk, 0, { writer: true })
    ;({ bus } = clientOf(host.server.port))
    bus.errors$.subscribe()
  })
  afterEach(async () => {
    await bus.close({ drain: false })
    await host.actors.stopAll()
    await host.server.close()
    await rm(folder, { recursive: true })
  })

  /** As after kill -9: nothing is written any more; then another host over the same disk. */
  const again = async (capabilities: Record<string, unknown> = { writer: true }): Promise<void> => {
    const { port } = host.server
    host.die()
    await host.actors.stopAll()
    await host.server.close()
    host = await startHost(disk, port, capabilities)
    await bus.ready()
  }
  const mailbox = async () =>
    (await bus.status()).subscriptions.find(({ name }) => name?.startsWith(MAILBOX) === true)
  const done = async (): Promise<number[]> =>
    (await readFile(`${file}.done`, 'utf8')).trim().split('\n').map(Number)
  /** An actor that is told so much while it cannot be set up. */
  const fill = async (): Promise<void> => {
    const actor = await bus.actors.create(
      { module, export: 'NeedsNoFile' },
      { name: 'it', args: file, setupTimeout: 60_000 },
    )
    await writeFile(file, '')
    await again()
    await Promise.all(numbers(COUNT).map(i => actor.tell(i)))
  }

  it('are those that were created: one that the disk did not keep is not there, and can be created again', async () => {
    const create = () => bus.actors.create({ module, export: 'NeedsNoFile' }, { name: 'it', args: file })
    disk.isFull = true
    expect(await rejection(create())).to.be.instanceOf(StoreError)
    expect(await bus.actors.find('it')).to.equal(undefined)
    disk.isFull = false
    const actor = await create()
    await again()
    expect((await bus.actors.find('it'))?.id).to.equal(actor.id)
    await actor.tell(1)
    await eventually(async () => expect(await done()).to.deep.equal([1]))
  })

  it('crash if their setup fails, and their messages wait for them', async () => {
    // Ten of them are not over before all is told.
    pause = 1_000
    await fill()
    await eventually(() => expect(host.warnings.join()).to.match(/it crashed.*the file is there/))
    expect(await mailbox()).to.include({ pending: COUNT })
    expect((await bus.status()).actors).to.have.lengthOf(1)
    expect(await bus.actors.find('it')).not.to.equal(undefined)
    await rm(file)
    await eventually(async () => expect(await done()).to.deep.equal(numbers(COUNT)), 20_000)
    expect(await bus.deadLetters().list()).to.deep.equal([])
  })

  it('are stopped after ten crashes in a row, and all their messages become dead letters', async () => {
    await fill()
    await eventually(() => expect(host.warnings.join()).to.match(/it crashed too often/), 30_000)
    await eventually(async () => expect(await bus.deadLetters().list()).to.have.lengthOf(COUNT), 20_000)
    expect(host.warnings.filter(text => text.includes('starts again'))).to.have.lengthOf(9)
    const letters = (await bus.deadLetters().list()).map(({ payload }) => payload)
    expect(letters).to.have.members(numbers(COUNT))
    await eventually(async () => expect(await bus.actors.find('it')).to.equal(undefined))
    await again()
    expect(await bus.actors.find('it')).to.equal(undefined)
    expect((await bus.deadLetters().list()).map(({ payload }) => payload)).to.have.members(numbers(COUNT))
  })

  it('run also while the disk takes nothing: that is not a crash', async () => {
    const actor = await bus.actors.create({ module, export: 'NeedsNoFile' }, { name: 'it', args: file })
    await actor.tell(1)
    await eventually(async () => expect(await done()).to.deep.equal([1]))
    disk.isFull = true
    await again()
    await eventually(async () =>
      expect((await bus.status()).actors).to.have.nested.property('[0].state', 'running'),
    )
    await eventually(async () => expect(await mailbox()).to.include({ consumers: 1 }))
    disk.isFull = false
    await eventually(() => actor.tell(2))
    await eventually(async () => expect((await done()).at(-1)).to.equal(2))
    expect(host.warnings.filter(text => text.includes('crashed'))).to.deep.equal([])
  })

  it('keep their named subscriptions when the host dies again while its handlers still load', async () => {
    const actor = await bus.actors.create({ module, export: 'NeedsNoFile' }, { name: 'it', args: file })
    await bus.subscribeActor('some', actor, 't')
    isLoading = true
    await again()
    await eventually(async () => expect(await mailbox()).to.include({ consumers: 1 }))
    isLoading = false
    await again()
    await bus.publish('t', 1)
    await eventually(async () => expect(await done()).to.deep.equal([1]))
  })

  it('wait, with their messages, for a host that meets the requirements of their class', async () => {
    const writer = await bus.actors.create({ module, export: 'Writer' }, { name: 'it' })
    await again({})
    await writer.tell('one')
    await eventually(() =>
      expect(host.warnings.join()).to.match(/it did not start again: its host has no writer/),
    )
    await eventually(async () => expect((await bus.status()).actors).to.deep.equal([]))
    expect(await mailbox()).to.include({ pending: 1 })
    await again()
    await eventually(async () => expect(await mailbox()).to.include({ pending: 0, inFlight: 0 }))
    expect(await bus.deadLetters().list()).to.deep.equal([])
  })
})
