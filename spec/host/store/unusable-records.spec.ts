import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { InvalidPatternError } from '../../../src/errors.js'
import type { SubscriptionRequest } from '../../../src/bus/contract/subscription-request.js'
import { Capabilities } from '../../../src/host/handlers/capabilities.js'
import {
  openSubscriptions,
  readRegistrations,
  startRegistered,
} from '../../../src/host/handlers/registrations.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { HostStore } from '../../../src/host/store/host-store.js'
import { keeping, keptRegistrations, openKept } from '../../../src/host/store/kept-registrations.js'
import { openHostStore } from '../../../src/host/store/open-host-store.js'
import { Actors } from '../../../src/host/actors/actors.js'
import { Handlers } from '../../../src/host/handlers/handlers.js'
import { ModuleRoots } from '../../../src/host/handlers/module-roots.js'
import type { Bus } from '../../../src/index.js'
import { decodePayload, encodePayload } from '../../../src/codec/payload.js'
import { openStore } from '../../../src/store/open-store.js'
import type { LmdbStore } from '../../../src/store/lmdb-store.js'
import { encodeRequest } from '../../../src/wire/frames/subscription-request.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, startServer } from '../../support/host-server.js'
import { rejection } from '../../support/rejection.js'

const refused = [/(?=a)/, /(a)\1/, /((a{1,100}){1,100}){1,100}/]

describe('records that a host cannot use', () => {
  let folder: string
  let said: string[]
  let server: HostServer
  let store: HostStore
  let open: Bus[]
  const warn = (text: string): unknown => said.push(text)

  const start = async (): Promise<void> => {
    server = await startServer({ sessionTtl: 5_000, awaitsStore: true })
    const retention = { age: Infinity, bytes: 1024 ** 3 }
    store = await openHostStore(folder, { retention, warn, floor: 0 })
    server.openStore(store)
  }
  const stop = async (): Promise<void> => {
    await Promise.all(open.map(each => each.close({ drain: false })))
    open = []
    await server.close()
    await store.close()
  }
  const bus = (): Bus => {
    const { bus } = clientOf(server.port)
    open.push(bus)
    return bus
  }
  const names = async (): Promise<(string | undefined)[]> =>
    (await bus().status()).subscriptions.map(({ name }) => name)
  /** Changes what is in the store, between two hosts. */
  const meddle = async (change: (store: LmdbStore) => Promise<void>): Promise<void> => {
    await stop()
    const opened = await openStore(folder, { warn, floor: 0 })
    await change(opened)
    await opened.close()
  }
  const setAside = async (): Promise<string> => {
    const [aside = ''] = (await readdir(folder)).filter(name => name.startsWith('damaged-'))
    return readFile(join(folder, aside, 'pieces.ndjson'), 'utf8')
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-store-'))
    said = []
    open = []
    await start()
  })
  afterEach(async () => {
    await stop()
    await rm(folder, { recursive: true })
  })

  it('do not come from refused subscriptions, with a name and without, nor from a refused takeover of a name', async () => {
    const client = bus()
    client.topic('t', { name: 'kept' }).subscribe().unsubscribe()
    for (const [at, pattern] of refused.entries()) {
      const end = (name?: string) =>
        rejection(
          new Promise((_, reject) => {
            client.topic(pattern, name === undefined ? {} : { name }).subscribe({ error: reject })
          }),
        )
      expect(await end(`n${at}`)).to.have.property('code', 'MSGVAN_INVALID_PATTERN')
      expect(await end()).to.have.property('code', 'MSGVAN_INVALID_PATTERN')
      for (const name of [`n${at}`, 'kept']) {
        const broker = server.broker('default')
        const rules = broker.named().find(each => each.name === 'kept')
        expect(() => broker.replace({ ...(rules as SubscriptionRequest), name, pattern })).to.throw(
          InvalidPatternError,
        )
      }
    }
    await client.publish('t', 1)
    await meddle(async opened => {
      const keys = [...opened.records('subscriptions')].map(([key]) => key)
      expect(keys.filter(key => key.includes('/n/'))).to.deep.equal(['1/n/kept'])
      expect([...opened.records('books')].map(([key]) => key)).to.have.members(keys)
      await Promise.resolve()
    })
    await start()
    expect(said).to.deep.equal([])
    expect(await names()).to.include('kept')
  })

  it('are set aside and logged, and the host starts with everything else', async () => {
    const client = bus()
    for (const name of ['good', 'bad', 'strange']) client.topic('t', { name }).subscribe().unsubscribe()
    client.topic('dead', { name: 'dead', attempts: 1 }).subscribe(() => {
      throw new Error('no')
    })
    await client.ready()
    for (let i = 0; i < 3; i += 1) await client.publish('t', i)
    await client.publish('dead', 1)
    await eventually(async () => expect(await client.deadLetters().list()).to.have.lengthOf(1))
    await store.keepRegistered('handlers', 'default', 'h', { van: 1 })
    await store.keepRegistered('actors', 'default', 'a', [])
    await store.keepCapabilities([1])
    await meddle(opened =>
      opened.transact(t => {
        const rules = (key: string): { request: object } =>
          decodePayload(opened.get('subscriptions', key) ?? new Uint8Array()) as { request: object }
        const bad = rules('1/n/bad')
        t.put(
          'subscriptions',
          '1/n/bad',
          encodePayload({ ...bad, request: { ...bad.request, pattern: { source: '(?=a)', flags: '' } } }),
        )
        t.put('subscriptions', '1/n/strange', encodePayload({ ...rules('1/n/strange'), request: 'no rules' }))
        for (const table of ['publishers', 'seen', 'letters', 'owed'] as const)
          t.put(table, `1/${'9'.repeat(16)}`, Uint8Array.of(255, 255, 255))
      }),
    )
    await start()
    const kept = keptRegistrations(store, undefined)
    expect(kept).to.deep.equal({ subscriptions: [], handlers: [], actors: [] })
    openKept(server, kept, warn)
    const capabilities = new Capabilities({}, () => undefined)
    store.restoreCapabilities(changes => capabilities.restore(changes, () => Promise.resolve()))
    expect(capabilities.values).to.deep.equal({})

    const again = bus()
    const { missing = [], subscriptions } = await again.status()
    const there = subscriptions.map(({ name }) => name)
    expect(there).to.include.members(['good', 'dead'])
    expect(there).to.not.include.members(['bad'])
    expect(missing.map(({ subscription, messages }) => [subscription, messages])).to.have.deep.members([
      ['bad', 3],
      ['strange', 3],
    ])
    for (const what of [
      'bad',
      'strange',
      'publishers',
      'seen',
      'letters',
      'owed',
      'handlers',
      'actors',
      'capabilities',
    ])
      expect(said.join('\n')).to.match(new RegExp(`\\(.*${what}.*\\) cannot be used`))
    expect((await setAside()).split('\n')).to.have.lengthOf(10)
    expect(await again.deadLetters().list()).to.have.lengthOf(1)
    const got: unknown[] = []
    again.topic('t', { name: 'good' }).subscribe(({ payload }) => got.push(payload))
    await eventually(() => expect(got).to.deep.equal([0, 1, 2]))
    // The names are free, and the next host has nothing to say.
    again.topic('t', { name: 'bad' }).subscribe().unsubscribe()
    await again.ready()
    said = []
    await stop()
    await start()
    expect(said).to.deep.equal([])
    expect(await names()).to.include('bad')
  })

  it('are logged if they are in the file of the previous host, and the rest of the file is used', async () => {
    const file = join(folder, 'registrations')
    const client = bus()
    client.topic('t', { name: 'good' }).subscribe().unsubscribe()
    await client.ready()
    await writeFile(file, 'no registrations')
    expect(await readRegistrations(file, warn)).to.equal(undefined)
    await writeFile(file, encodePayload({ subscriptions: 1 }))
    expect(await readRegistrations(file, warn)).to.equal(undefined)
    expect(said).to.have.lengthOf(2)
    expect(said[0]).to.contain(`${file}.damaged`)

    const pattern = { source: '(?=a)', flags: '' }
    const [rules] = server.broker('default').named()
    const request = encodeRequest(rules as SubscriptionRequest) as object
    const next = encodeRequest({ ...rules, name: 'next' } as SubscriptionRequest)
    const subscriptions = [{ ...request, name: 'bad', pattern }, 7, next].map(each => ({
      van: 'default',
      request: each,
    }))
    const left = { subscriptions, handlers: [{ name: 'h' }], actors: [] }
    await writeFile(file, encodePayload(left))
    const read = await readRegistrations(file, warn)
    said = []
    if (read !== undefined) openSubscriptions(server, read, warn)
    expect(said).to.have.lengthOf(2)
    expect(await names()).to.include.members(['good', 'next'])
    expect(await names()).to.not.include('bad')

    const { keep, keepActor } = keeping(() => store)
    const host = {
      broker: (van: string) => server.broker(van),
      replace: () => Promise.resolve(undefined),
      connection: { url: '', secret: new Uint8Array() },
      endSession: () => undefined,
      line: () => undefined,
      warn,
      log: () => undefined,
      capabilities: () => ({}),
      keep,
      keepActor,
    }
    const roots = new ModuleRoots([])
    said = []
    if (read !== undefined)
      await startRegistered(read, new Handlers(host, roots), new Actors(host as never, roots), warn)
    expect(said).to.have.lengthOf(1)
    expect(said[0]).to.match(/^handler h did not start again/)
  })
})
