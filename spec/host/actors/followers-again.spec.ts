import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { EMPTY, firstValueFrom } from 'rxjs'
import type { ActorRef, Bus } from '../../../src/index.js'
import { Disk } from '../../support/disk.js'
import { eventually } from '../../support/eventually.js'
import { request } from '../../support/local-broker.js'
import { actorsModule, HostInProcess, type HostOptions } from '../../support/hosts.js'

const handlersModule = fileURLToPath(new URL('../../../../spec/fixtures/handlers.js', import.meta.url))
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('a follower that is started again', () => {
  let folder: string
  let file: string
  let leader: HostInProcess
  let follower: HostInProcess
  let bus: Bus

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'msgvan-spec-'))
    file = join(folder, 'file')
  })
  afterEach(async () => {
    await follower.close()
    await leader.close()
    await rm(folder, { recursive: true })
  })

  const start = async (options: HostOptions): Promise<void> => {
    leader = await HostInProcess.start(undefined)
    const roots = [dirname(actorsModule)]
    follower = await HostInProcess.start(leader, {
      ...{ capabilities: { writes: true }, roots },
      ...options,
    })
    await eventually(() => expect(leader.server.backbone.members.list()).to.have.lengthOf(2))
    bus = leader.bus()
  }
  const create = () =>
    bus.actors.create(
      { module: actorsModule, export: 'NeedsNoFile' },
      { name: 'it', args: file, requires: { writes: true } },
    )
  const done = async (): Promise<number[]> =>
    (await readFile(`${file}.done`, 'utf8')).trim().split('\n').map(Number)

  for (const [kind, disk] of [
    ['in memory', () => undefined],
    ['with a store', () => new Disk()],
  ] as const) {
    it(`${kind}, has the named subscriptions of its actor and its handler again, at the leader alone`, async () => {
      const own = disk()
      await start(own === undefined ? {} : { disk: own })
      await bus.subscribeActor('of the actor', await create(), 't')
      await follower
        .bus()
        .subscribeHandler('of the handler', { module: handlersModule, export: 'print' }, 't')
      const consumers = async (): Promise<unknown[]> =>
        (await bus.status()).subscriptions
          .filter(({ name }) => name?.startsWith('of') === true)
          .map(({ name, consumers }) => [name, consumers])
      const both = [
        ['of the actor', 1],
        ['of the handler', 1],
      ]
      await eventually(async () => expect(await consumers()).to.have.deep.members(both))
      follower = await follower.again()
      await eventually(async () => expect(await consumers()).to.have.deep.members(both))
      await bus.publish('t', 1)
      await eventually(async () => expect(await done()).to.deep.equal([1]))
      await eventually(() => expect(follower.lines.join()).to.include('Handler got 1'))
    })
  }

  for (const [kind, disk] of [
    ['in memory', () => undefined],
    ['with a store', () => new Disk()],
  ] as const) {
    it(`${kind}, leaves names to the actor and the handler that got them meanwhile, with their messages`, async () => {
      const own = disk()
      await start(own === undefined ? {} : { disk: own })
      const print = { module: handlersModule, export: 'print' }
      await bus.subscribeActor('of the actor', await create(), 't')
      await follower.bus().subscribeHandler('of the handler', print, 't')
      await follower.bus().subscribeHandler('of none', print, 't')
      follower = await follower.again(async () => {
        await bus.unsubscribe('of none')
        const other = await bus.actors.create({ module: actorsModule, export: 'Memory' }, { name: 'other' })
        await bus.subscribeActor('of the actor', other, 'u')
        await bus.subscribeHandler('of the handler', { ...print, export: 'printLoud' }, 'u')
      })
      await eventually(() => expect(leader.server.backbone.members.list()).to.have.lengthOf(2))
      await eventually(async () => expect((await bus.status()).actors).to.have.lengthOf(2))
      const other = await follower.bus().actors.find('other')
      for (const n of numbers(10)) await bus.publish('u', n)
      await eventually(async () =>
        expect((await firstValueFrom(other?.ask<{ all: unknown[] }>('now') ?? EMPTY)).all).to.include.members(
          numbers(10),
        ),
      )
      await eventually(() => expect(leader.lines.filter(line => line.includes('LOUD'))).to.have.lengthOf(10))
      const { subscriptions } = await bus.status()
      expect(
        subscriptions
          .filter(({ name }) => name?.startsWith('of') === true)
          .map(({ name, pattern, consumers }) => [name, pattern, consumers]),
      ).to.have.deep.members([
        ['of the actor', 'u', 1],
        ['of the handler', 'u', 1],
      ])
      expect(follower.handlers.size).to.equal(0)
    })
  }

  it('or was cut off for long, gives up the names that others got meanwhile', async () => {
    await start({})
    await bus.subscribeActor('of the actor', await create(), 't')
    const print = { module: handlersModule, export: 'print' }
    await follower.bus().subscribeHandler('of the handler', print, 't')
    // As for an actor of the leader, and the follower does not hear of it.
    for (const name of ['of the actor', 'of the handler'])
      await leader.server.replace('default', { ...request({ pattern: 'u' }), name })
    expect(follower.actors.subscriberOf('default', 'of the actor')).not.to.equal(undefined)
    expect(follower.handlers.size).to.equal(1)
    leader = await leader.again()
    await eventually(() => {
      expect(follower.actors.subscriberOf('default', 'of the actor')).to.equal(undefined)
      expect(follower.handlers.size).to.equal(0)
    })
    expect(follower.server.backbone.members.list()).to.have.lengthOf(2)
  })

  it('with a store, gets the mail for its actor that came meanwhile, once each', async () => {
    await start({ disk: new Disk() })
    const actor = await create()
    await bus.subscribeActor('some', actor, 't')
    const told: Promise<void>[] = []
    const tell = (): void => void told.push(...numbers(200).map(i => actor.tell(told.length + i)))
    tell()
    const again = follower.again(tell)
    tell()
    follower = await again
    await Promise.all(told)
    await eventually(async () => expect(await done()).to.have.members(numbers(told.length)))
    expect(await bus.deadLetters().list()).to.deep.equal([])
  })

  it('with a store, hands mail to its actor once also when its leader comes later', async () => {
    await start({ disk: new Disk() })
    await create()
    const own = (): Bus => follower.bus()
    const found = async (): Promise<ActorRef> => {
      const actor = await own().actors.find('it')
      if (actor === undefined) throw new Error('it is not there')
      return actor
    }
    leader = await leader.again(async () => {
      follower = await follower.again()
      const actor = await found()
      await Promise.all(numbers(50).map(i => actor.tell(i)))
      await eventually(async () => expect(await done()).to.deep.equal(numbers(50)))
    })
    await eventually(() => expect(follower.server.backbone.members.list()).to.have.lengthOf(2))
    const sent = own().topic('after')
    const seen = new Promise<void>(resolve => sent.subscribe(() => resolve()))
    await own().ready()
    await leader.bus().publish('after')
    await seen
    await (await found()).tell(50)
    await eventually(async () => expect(await done()).to.include(50))
    expect(await done()).to.deep.equal(numbers(51))
    expect(await leader.bus().deadLetters().list()).to.deep.equal([])
  })
})
