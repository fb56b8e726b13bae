import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { of } from 'rxjs'
import { ForbiddenError, type Bus, type TopicOptions } from '../../../src/index.js'
import type { Client } from '../../support/host-server.js'
import { GuardedHost, type Rights } from '../../support/principals.js'

type Act = (client: Client) => Promise<unknown>
/** The rights, what is done, and the right that is missing; undefined: it may. */
type Case = readonly [rights: Rights, act: string, missing: string | undefined]

const modules = realpathSync(mkdtempSync(join(tmpdir(), 'msgvan-modules-')))
const module = join(modules, 'module.mjs')
writeFileSync(module, 'export const handler = () => undefined\n')
const root = { from: modules, elsewhere: '/nowhere' }

/** What is asked for is in force, or refused. */
function subscribed(bus: Bus, pattern: RegExp | string, options: TopicOptions = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    bus.topic(pattern, options).subscribe({ error: reject })
    bus.ready().then(resolve, reject)
  })
}

/** An error that a host without that service gives says that the right was there. */
function served(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => {
    if (error instanceof ForbiddenError) throw error
  })
}

const acts: Readonly<Record<string, Act>> = {
  'publish a': ({ bus }) => bus.publish('a', 1),
  'publish a.b': ({ bus }) => bus.publish('a.b', 1),
  'publish a with a line break': ({ bus }) => bus.publish('a.\nb', 1),
  'publish a later': async ({ bus }) => {
    await bus.publish('a', 1, { delay: 600_000, id: 'table' })
    expect(await bus.cancel('table')).to.equal(true)
  },
  'subscribe a': ({ bus }) => subscribed(bus, 'a'),
  'subscribe a.b': ({ bus }) => subscribed(bus, 'a.b'),
  'subscribe /./': ({ bus }) => subscribed(bus, /./),
  'subscribe /^\\$/': ({ bus }) => subscribed(bus, /^\$/),
  'subscribe $hosts': ({ bus }) => subscribed(bus, '$hosts'),
  'subscribe $dead/work': ({ bus }) => subscribed(bus, '$dead/work'),
  'subscribe $exposed/x': ({ bus }) => subscribed(bus, '$exposed/x'),
  'subscribe $actor/x': ({ bus }) => subscribed(bus, '$actor/x'),
  'subscribe a as work': ({ bus }) => subscribed(bus, 'a', { name: 'work' }),
  'subscribe a.b as work': ({ bus }) => subscribed(bus, 'a.b', { name: 'work' }),
  'subscribe /./ as work': ({ bus }) => subscribed(bus, /./, { name: 'work' }),
  'unsubscribe work': ({ bus }) => bus.unsubscribe('work'),
  'unsubscribe other': ({ bus }) => bus.unsubscribe('other'),
  'pause work': ({ bus }) => bus.pause('work'),
  'resume other': ({ bus }) => bus.resume('other'),
  'pause $actor/x': ({ bus }) => bus.pause('$actor/x'),
  'list letters': ({ bus }) => bus.deadLetters().list(),
  'replay letters': ({ bus }) => bus.deadLetters().replay(),
  'replay letters of work': ({ bus }) => bus.deadLetters().replay({ subscription: 'work' }),
  'purge letters of work': ({ bus }) => bus.deadLetters().purge({ subscription: 'work' }),
  'purge letters of other': ({ bus }) => bus.deadLetters().purge({ subscription: 'other' }),
  'expose x': async ({ bus }) => {
    const errors: unknown[] = []
    bus.errors$.subscribe(error => errors.push(error))
    bus.expose('x', () => of(1))
    await bus.ready()
    if (errors.length > 0) throw errors[0]
  },
  'observe x': ({ bus }) =>
    served(
      new Promise((resolve, reject) =>
        bus.observe('x').subscribe({ error: reject, complete: () => resolve(1) }),
      ),
    ),
  'register a handler': ({ broker }) =>
    served(
      broker.control.subscribeHandler(
        'work',
        { module, export: 'handler' },
        { ...asked, pattern: 'a' },
        'thread',
      ),
    ),
  'find an actor': ({ bus }) => served(bus.actors.find('x')),
  'create an actor': ({ bus }) => served(bus.actors.create({ module, export: 'handler' })),
  'see the hosts': ({ broker }) => broker.control.hosts(),
  status: ({ bus }) => bus.status(),
  'stop the host': ({ broker }) => served(broker.callHost('stop')),
  'join as a host': ({ broker }) => served(broker.call('backbone.continued')),
}

const asked = {
  ordered: false,
  prefetch: 1,
  attempts: 1,
  delay: 0,
  ackTimeout: 0,
  maxPending: 1_000,
  maxPendingBytes: 1_000_000,
  overflow: 'pause',
} as const

const cases: readonly Case[] = [
  [{}, 'publish a', 'publish'],
  [{ publish: ['a'] }, 'publish a', undefined],
  [{ publish: ['a'] }, 'publish a.b', 'publish'],
  [{ publish: ['a.*'] }, 'publish a.b', undefined],
  [{ publish: ['a|b'] }, 'publish a.b', 'publish'],
  [{ publish: ['.*'] }, 'publish a with a line break', undefined],
  [{ publish: { allow: ['.*'], deny: ['a\\..*'] } }, 'publish a', undefined],
  [{ publish: { allow: ['.*'], deny: ['a\\..*'] } }, 'publish a.b', 'publish'],
  [{ publish: { allow: ['.*'], deny: ['a\\..*'] } }, 'publish a with a line break', 'publish'],
  [{ publish: { deny: ['b'] } }, 'publish a', 'publish'],
  [{ subscribe: ['.*'] }, 'publish a', 'publish'],
  [{}, 'publish a later', 'publish'],
  [{ publish: ['a'] }, 'publish a later', undefined],
  [{}, 'subscribe a', 'subscribe'],
  [{ publish: ['.*'] }, 'subscribe a', 'subscribe'],
  [{ subscribe: ['a'] }, 'subscribe a', undefined],
  [{ subscribe: ['a'] }, 'subscribe a.b', 'subscribe'],
  [{ subscribe: { allow: ['a.*'], deny: ['a\\.b'] } }, 'subscribe a.b', 'subscribe'],
  [{}, 'subscribe /./', 'subscribe'],
  [{ subscribe: ['a'] }, 'subscribe /./', undefined],
  [{ subscribe: ['.*'] }, 'subscribe /^\\$/', undefined],
  [{ subscribe: ['.*'] }, 'subscribe $hosts', 'admin'],
  [{ admin: true }, 'subscribe $hosts', undefined],
  [{ subscribe: ['.*'] }, 'subscribe $dead/work', 'deadLetters'],
  [{ deadLetters: ['work'] }, 'subscribe $dead/work', undefined],
  [{ deadLetters: ['other'] }, 'subscribe $dead/work', 'deadLetters'],
  [{ subscribe: ['.*'], expose: ['.*'], admin: true }, 'subscribe $exposed/x', 'subscribe'],
  [{ subscribe: ['.*'], actors: [root.from], admin: true }, 'subscribe $actor/x', 'subscribe'],
  [{ subscribe: ['a'] }, 'subscribe a as work', 'names'],
  [{ subscribe: ['a'], names: ['work'] }, 'subscribe a as work', undefined],
  [{ names: ['work'] }, 'subscribe a as work', 'subscribe'],
  [{ subscribe: ['a'], names: ['work'] }, 'subscribe a.b as work', 'subscribe'],
  [{ subscribe: ['a'], names: ['work'] }, 'subscribe /./ as work', undefined],
  [{ names: ['work'] }, 'unsubscribe work', undefined],
  [{ names: ['work'] }, 'unsubscribe other', 'names'],
  [{ subscribe: ['.*'], admin: true }, 'unsubscribe work', 'names'],
  [{ names: ['work'] }, 'pause work', undefined],
  [{ names: ['work'] }, 'resume other', 'names'],
  [{ names: ['.*'] }, 'pause $actor/x', 'names'],
  [{ subscribe: ['.*'], admin: true }, 'pause work', 'names'],
  [{ subscribe: ['.*'] }, 'list letters', 'admin'],
  [{ subscribe: ['.*'], admin: true }, 'list letters', 'deadLetters'],
  [{ deadLetters: ['work'] }, 'list letters', undefined],
  [{ deadLetters: ['work'] }, 'replay letters', 'deadLetters'],
  [{ deadLetters: ['work'] }, 'replay letters of work', undefined],
  [{ deadLetters: ['work'] }, 'purge letters of work', undefined],
  [{ deadLetters: ['work'] }, 'purge letters of other', 'deadLetters'],
  [{ subscribe: ['.*'], names: ['.*'] }, 'expose x', 'expose'],
  [{ expose: ['y'] }, 'expose x', 'expose'],
  [{ expose: ['x'] }, 'expose x', undefined],
  [{ publish: ['.*'], subscribe: ['.*'] }, 'observe x', 'observe'],
  [{ observe: ['y'] }, 'observe x', 'observe'],
  [{ observe: ['x'] }, 'observe x', undefined],
  [{ names: ['.*'], subscribe: ['.*'] }, 'register a handler', 'handlers'],
  [{ names: ['.*'], subscribe: ['.*'], handlers: [root.elsewhere] }, 'register a handler', 'handlers'],
  [{ subscribe: ['.*'], handlers: [root.from] }, 'register a handler', 'names'],
  [{ names: ['.*'], handlers: [root.from] }, 'register a handler', 'subscribe'],
  [{ names: ['.*'], subscribe: ['.*'], handlers: [root.from] }, 'register a handler', undefined],
  [{}, 'find an actor', 'actors'],
  [{ actors: [] }, 'find an actor', undefined],
  [{ actors: [] }, 'create an actor', 'actors'],
  [{ handlers: [root.from] }, 'create an actor', 'actors'],
  [{ actors: [root.from] }, 'create an actor', undefined],
  [{}, 'see the hosts', 'admin'],
  [{ admin: true }, 'see the hosts', undefined],
  [{}, 'status', undefined],
  [{ join: true }, 'stop the host', 'admin'],
  [{ admin: true }, 'stop the host', undefined],
  [{ admin: true }, 'join as a host', 'join'],
]

const nothing = (): undefined => undefined

describe('rights', () => {
  let host: GuardedHost

  before(async () => {
    host = await GuardedHost.with(Object.fromEntries(cases.map(([rights], at) => [`p${at}`, rights])), {
      control: {
        'host.joining': nothing,
        'host.registrations': nothing,
        'host.settings': nothing,
        'host.capabilities': nothing,
        'host.handOver': nothing,
        'host.stop': () => true,
      },
    })
  })

  after(async () => {
    await host.close()
    rmSync(modules, { recursive: true })
  })

  it('are a table of sixty cases and more', () => expect(cases.length).to.be.at.least(60))

  for (const [at, [rights, act, missing]] of cases.entries()) {
    const outcome = missing === undefined ? 'may' : `lacks ${missing}`
    it(`${JSON.stringify(rights).replaceAll(modules, 'DIR')}: ${act}: ${outcome}`, async () => {
      const client = host.client(`p${at}`, { van: 'default' })
      const what = acts[act]
      if (what === undefined) throw new Error(`no such act: ${act}`)
      const error: unknown = await what(client).then(
        () => undefined,
        (reason: unknown) => reason,
      )
      if (missing === undefined) expect(error).to.equal(undefined)
      else {
        expect(error).to.be.instanceOf(ForbiddenError)
        expect((error as Error).message).to.contain(`the right "${missing}"`)
      }
      await client.bus.unsubscribe('work').catch(() => undefined)
      await client.bus.close({ drain: false })
    })
  }
})
