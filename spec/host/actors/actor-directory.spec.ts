import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { tokenCredential } from '../../../src/client/connection/credential.js'
import { Principals } from '../../../src/host/rights/principals.js'
import { ActorStoppedError, RemoteError, type ActorRef, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import {
  actorsModule as module,
  startHosts,
  type HostInProcess,
  type HostOptions,
} from '../../support/hosts.js'
import { clientOf } from '../../support/host-server.js'
import { PrincipalsFile } from '../../support/principals.js'
import { rejection } from '../../support/rejection.js'

const actor = (name: string) => ({ module, export: name })

interface Remembered {
  readonly all: unknown[]
}

describe('actors of several hosts', () => {
  let hosts: HostInProcess[] = []
  const start = async (...options: HostOptions[]): Promise<[HostInProcess, HostInProcess, HostInProcess]> => {
    hosts = await startHosts(...options)
    return hosts as [HostInProcess, HostInProcess, HostInProcess]
  }
  afterEach(async () => {
    for (const host of hosts.splice(0).reverse()) await host.close()
  })

  const hostOf = async (bus: Bus, { id }: ActorRef): Promise<string | undefined> =>
    (await bus.status()).actors.find(each => each.id === id)?.host
  const told = async (ref: ActorRef): Promise<unknown[]> =>
    (await firstValueFrom(ref.ask<Remembered>('now'))).all

  it('can be found, told, asked and stopped from every host', async () => {
    const [leader, follower, other] = await start({}, {}, {})
    for (const owner of [leader, follower]) {
      const own = await owner.bus().actors.create(actor('Memory'), { name: 'it' })
      for (const { bus } of [leader, follower, other].map(host => ({ bus: host.bus() }))) {
        const found = await bus.actors.find('it')
        expect(found?.id).to.equal(own.id)
        expect((await told(found ?? own)).at(-1)).to.equal('now')
        expect(await hostOf(bus, own)).to.equal(owner.id)
        expect(await bus.actors.find('nobody')).to.equal(undefined)
      }
      expect(await other.bus().actors.stop(own)).to.equal(true)
      expect(await other.bus().actors.stop(own)).to.equal(false)
      expect(await leader.bus().actors.find('it')).to.equal(undefined)
      expect(await rejection(told(own))).to.be.instanceOf(ActorStoppedError)
    }
  })

  it('consume a named subscription from any host on, and the actor of another host stops consuming it', async () => {
    const [leader, follower] = await start({}, {})
    const [here, there] = [leader.bus(), follower.bus()]
    const one = await there.actors.create(actor('Memory'))
    const two = await here.actors.create(actor('Memory'))
    await here.subscribeActor('sub', one, 't')
    await here.publish('t', 1)
    await there.publish('t', 2)
    await eventually(async () => expect(await told(one)).to.include.members([1, 2]))
    await there.subscribeActor('sub', two, 't')
    await there.publish('t', 3)
    await eventually(async () => expect(await told(two)).to.include(3))
    expect(await told(one)).not.to.include(3)
    await there.subscribeActor('sub', one, 't')
    await one.stop()
    await eventually(async () => {
      const { subscriptions } = await here.status()
      expect(subscriptions.filter(({ name }) => name === 'sub')).to.deep.equal([])
    })
    expect(await rejection(here.subscribeActor('sub', one, 't'))).to.be.instanceOf(ActorStoppedError)
  })

  it('get, of a name that a principal of another host gives them, what that principal may see', async () => {
    const file = await PrincipalsFile.of({
      ada: { subscribe: ['a\\..*'], names: ['.*'], actors: ['/'] },
    })
    const principals = await Principals.open(file.file, { warn: () => undefined, info: () => undefined })
    const [leader, follower] = await start({}, { principals })
    const own = leader.bus()
    const memory = await own.actors.create(actor('Memory'))
    const ada = clientOf(follower.port, { secret: () => tokenCredential(file.tokens.get('ada') ?? '') })
    await ada.bus.subscribeActor('sub', memory, /./)
    for (const topic of ['b.1', 'a.1', 'b.2', 'a.2']) await own.publish(topic, topic)
    await eventually(async () => expect(await told(memory)).to.include('a.2'))
    expect(await told(memory)).not.to.include.members(['b.1'])
    await file.add('ada', { subscribe: ['b\\..*'], names: ['.*'], actors: ['/'] })
    file.write()
    await eventually(async () => {
      await own.publish('b.3', 'b.3')
      expect(await told(memory)).to.include('b.3')
    })
    await ada.bus.close({ drain: false })
    principals.close()
    file.clean()
  })

  it('have unique names in the whole van: concurrent creators get the same actor', async () => {
    const three = await start({}, {}, {})
    const buses = three.map(host => host.bus())
    const refs = await Promise.all(
      [...buses, ...buses].map(bus => bus.actors.create(actor('Memory'), { name: 'one' })),
    )
    expect(new Set(refs.map(({ id }) => id))).to.have.lengthOf(1)
    const [first = expect.fail()] = buses
    expect((await first.status()).actors).to.have.lengthOf(1)
    for (const bus of buses)
      expect(await rejection(bus.actors.create(actor('Doer'), { name: 'one' }))).to.include({
        code: 'MSGVAN_NAME_TAKEN',
      })
  })

  it('keep their names while the leader is away; a new one has to wait', async () => {
    const [leader, follower] = await start({}, {})
    const bus = follower.bus()
    const one = await bus.actors.create(actor('Memory'), { name: 'one' })
    await leader.close()
    await eventually(() => expect(follower.server.backbone.members.list()).to.have.lengthOf(1))
    expect((await bus.actors.create(actor('Memory'), { name: 'one' })).id).to.equal(one.id)
    expect((await bus.actors.find('one'))?.id).to.equal(one.id)
    const refused = await rejection(bus.actors.create(actor('Memory'), { name: 'two' }))
    expect(refused).to.be.instanceOf(RemoteError)
    expect(refused.message).to.match(/leader cannot be reached/)
    expect(await told(await bus.actors.create(actor('Memory')))).to.deep.equal(['now'])
  })

  it('run on the caller’s host if they fit there, otherwise on the least loaded host that fits', async () => {
    const [leader, follower, other] = await start(
      { capabilities: { speed: 1 } },
      { capabilities: { writer: true, speed: 9 } },
      { capabilities: { writer: true, gpu: 'a' } },
    )
    const bus = leader.bus()
    const at = async (from: HostInProcess, name: string, requires = {}): Promise<string | undefined> =>
      hostOf(bus, await from.bus().actors.create(actor(name), { requires }))
    expect(await at(leader, 'Memory')).to.equal(leader.id)
    expect(await at(follower, 'Writer')).to.equal(follower.id)
    expect(await at(leader, 'Memory', { writer: true })).to.equal(other.id)
    expect(await at(follower, 'Memory', { gpu: 'a' })).to.equal(other.id)
    // What a class requires is known when it is loaded: by value, by function.
    expect(await at(leader, 'Writer')).to.equal(follower.id)
    expect(await at(other, 'Fast')).to.equal(follower.id)
    const writer = await leader.bus().actors.create(actor('Writer'), { name: 'writer' })
    expect(await firstValueFrom(writer.ask('it'))).to.equal('wrote it')
  })

  it('are refused with name and capability when no host fits, and start once a host gains the capability', async () => {
    const [leader, follower] = await start({}, {})
    const bus = follower.bus()
    const create = (): Promise<ActorRef> =>
      bus.actors.create(actor('Writer'), { name: 'x', requires: { disk: 'ssd' } })
    for (const offered of [{}, { disk: 'ssd' }]) {
      leader.offer(offered)
      const error = await rejection(create())
      expect(error).to.include({ code: 'MSGVAN_ACTOR_PLACEMENT' })
      expect(error.message).to.match(/Actor x requires (disk: "ssd"|writer), and no host has it/)
    }
    const { actors, subscriptions } = await bus.status()
    expect(actors).to.deep.equal([])
    expect(subscriptions.filter(({ name }) => name !== undefined)).to.deep.equal([])
    leader.offer({ writer: true })
    expect(await hostOf(bus, await create())).to.equal(leader.id)
  })

  it('are refused with the capability also when other hosts may not load the module and would not fit anyway', async () => {
    const hosts = await start({ roots: [] }, { roots: [] }, { roots: [], capabilities: { writer: 0 } })
    for (const host of hosts) {
      const error = await rejection(host.bus().actors.create(actor('Writer'), { name: 'x' }))
      expect(error).to.include({ code: 'MSGVAN_ACTOR_PLACEMENT' })
      expect(error.message).to.match(/^Actor x requires writer, and no host has it/)
      const byFunction = await rejection(host.bus().actors.create(actor('Fast'), { name: 'y' }))
      expect(byFunction).to.include({ code: 'MSGVAN_ACTOR_PLACEMENT' })
      expect(byFunction.message).to.match(/^Actor y requires what its function .*On the host at .*--root/)
    }
  })

  it('run on another host only from modules under its roots, and at home from any module of their user', async () => {
    const [, follower] = await start({ capabilities: { writer: true }, roots: [] }, { roots: [] })
    const error = await rejection(follower.bus().actors.create(actor('Writer'), { name: 'x' }))
    expect(error).to.include({ code: 'MSGVAN_ACTOR_START' })
    expect(error.message).to.match(/On the host at 127.*lies outside the roots.*--root/)
    const wanted = { requires: { writer: true } }
    expect(await rejection(follower.bus().actors.create(actor('Memory'), wanted))).to.include({
      code: 'MSGVAN_ACTOR_START',
    })
    const own = await follower.bus().actors.create(actor('Memory'), { name: 'own' })
    expect(await told(own)).to.deep.equal(['now'])
    const stranger = follower.bus('default', false)
    expect(await rejection(stranger.actors.create(actor('Memory')))).to.include({
      code: 'MSGVAN_ACTOR_START',
    })
  })

  describe('as parents and children', () => {
    /** The parent on one host, the child on the other. */
    const family = async (parentAt = 1): Promise<{ parent: ActorRef; child: ActorRef; bus: Bus }> => {
      const options = [{ capabilities: { writer: true } }, {}]
      await start(...(parentAt === 1 ? options : options.reverse()))
      const bus = hosts[parentAt]?.bus() ?? expect.fail()
      const parent = await bus.actors.create(actor('Doer'), { name: 'parent' })
      await firstValueFrom(parent.ask(['child', 'Writer', { name: 'child' }]))
      const child = (await bus.actors.find('child')) ?? expect.fail()
      expect(await hostOf(bus, child)).to.equal(hosts[1 - parentAt]?.id)
      return { parent, child, bus }
    }
    const parentHears = async (text: string, parentAt = 1): Promise<void> => {
      await eventually(() => expect(hosts[parentAt]?.lines).to.include(`parent warning: ${text}`))
    }

    it('a parent learns that its child was stopped, and that the child’s host lost a capability', async () => {
      const { parent, child } = await family()
      await child.stop()
      await parentHears('child child stopped')
      await firstValueFrom(parent.ask(['child', 'Writer', { name: 'next' }]))
      hosts[0]?.offer({ writer: false })
      await parentHears('child next unfit')
    })

    it('a child ends with its parent', async () => {
      const { parent, child, bus } = await family()
      await parent.stop()
      expect(await rejection(firstValueFrom(child.ask('it')))).to.be.instanceOf(ActorStoppedError)
      expect((await bus.status()).actors).to.deep.equal([])
    })

    for (const parentAt of [0, 1]) {
      it(`a child ends with the incarnation of its parent, which is on ${parentAt === 0 ? 'the leader' : 'a follower'}`, async () => {
        const { parent, child, bus } = await family(parentAt)
        expect(await firstValueFrom(parent.ask(['crashOnce']))).to.equal('attempt 2')
        await eventually(async () => expect(await bus.actors.find('child')).to.equal(undefined))
        expect(await rejection(firstValueFrom(child.ask('it')))).to.be.instanceOf(ActorStoppedError)
        await firstValueFrom(parent.ask(['child', 'Writer', { name: 'child' }]))
        const next = (await bus.actors.find('child')) ?? expect.fail()
        expect(await firstValueFrom(next.ask('it'))).to.equal('wrote it')
        await next.stop()
        await parentHears('child child stopped', parentAt)
        expect(hosts[parentAt]?.lines.filter(line => line.includes('child child'))).to.have.lengthOf(1)
      })
    }

    it('a child ends with the host of its parent', async () => {
      await family()
      await hosts[1]?.close()
      expect(hosts[0]?.actors.size).to.equal(0)
    })

    it('after a long cut the parent learns that its child is gone, and the child ends', async () => {
      await family(0)
      await hosts[1]?.server.backbone.close?.()
      await parentHears('child child crashed', 0)
      await eventually(() => expect(hosts[1]?.actors.size).to.equal(0))
    })
  })
})
