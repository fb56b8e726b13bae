import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { RemoteError, type ActorRef, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import {
  actorsModule as module,
  startHosts,
  type HostInProcess,
  type HostOptions,
} from '../../support/hosts.js'
import { rejection } from '../../support/rejection.js'

const actor = (name: string) => ({ module, export: name })

describe('instances on several hosts, and their coordinator', () => {
  let hosts: HostInProcess[] = []
  const start = async (...options: HostOptions[]): Promise<[HostInProcess, HostInProcess]> => {
    hosts = await startHosts(...options)
    return hosts as [HostInProcess, HostInProcess]
  }
  afterEach(async () => {
    for (const host of hosts.splice(0).reverse()) await host.close()
  })

  const placed = async (bus: Bus, { id }: ActorRef): Promise<Record<string, number>> => {
    const parts = (await bus.status()).actors.filter(each => each.id === id)
    return Object.fromEntries(parts.map(({ host, instances }) => [host, instances]))
  }

  it('separate after a long cut: the instances of the cut host end, the others go on', async () => {
    const [leader, follower] = await start({}, {})
    const ref = await follower.bus().actors.create(actor('Worker'), { instances: 2, name: 'it' })
    leader.offer({ gpu: true })
    const other = await follower.bus().actors.create(actor('GpuWorker'))
    expect(await placed(leader.bus(), other)).to.deep.equal({ [leader.id]: 1 })
    await follower.server.backbone.close?.()
    await eventually(() => expect(follower.actors.groups.all).to.deep.equal([]))
    const bus = leader.bus()
    await eventually(async () => expect(await placed(bus, ref)).to.deep.equal({ [leader.id]: 1 }))

    expect(await firstValueFrom(bus.actors.ref(ref).ask(1))).to.have.property('instance')
    expect(await placed(bus, other), 'wanted from there, but no child').to.deep.equal({ [leader.id]: 1 })
    expect(await firstValueFrom(bus.actors.ref(other).ask(1))).to.have.property('instance')
  })

  it('run on the other hosts when one may not load the module, or does not meet the requirements of the class', async () => {
    const [leader, follower] = await start(
      { roots: [], capabilities: { gpu: true } },
      { capabilities: { gpu: true } },
    )
    const bus = follower.bus()
    const one = await bus.actors.create(actor('GpuWorker'), { instances: 3, name: 'one' })
    expect(await placed(bus, one)).to.deep.equal({ [follower.id]: 3 })
    follower.offer({ gpu: false })
    await eventually(async () => expect(await bus.actors.find('one')).to.equal(undefined))
    const error = await rejection(bus.actors.create(actor('GpuWorker'), { instances: 3 }))
    expect(error).to.include({ code: 'MSGVAN_ACTOR_START' })
    expect(error.message).to.match(/lies outside the roots/)
    expect([leader.actors.size, follower.actors.size]).to.deep.equal([0, 0])
  })

  it('have children that end with the instance that created them, and not with another one', async () => {
    const [leader, follower] = await start({}, {})
    const bus = leader.bus()
    const mother = await bus.actors.create(actor('Mother'), { instances: 2 })
    expect(await placed(bus, mother)).to.deep.equal({ [leader.id]: 1, [follower.id]: 1 })
    const children = new Map<number, string>()
    await eventually(async () => {
      const asked = await Promise.all(
        [1, 2].map(() => firstValueFrom(mother.ask<{ instance: number; child: ActorRef }>('child'))),
      )
      for (const { instance, child } of asked) children.set(instance, child.id)
      expect(children).to.have.lengthOf(2)
    })
    const survivor = (await firstValueFrom(mother.ask<{ instance: number }>('crash'))).instance
    const isThere = async (id: string): Promise<boolean> =>
      (await bus.status()).actors.some(each => each.id === id)
    const of = (instance: number): string => children.get(instance) ?? expect.fail()
    // Either may have had the second attempt: who crashed has begun anew, and has no child any more.
    await eventually(async () => {
      const there = await Promise.all([isThere(of(1)), isThere(of(2))])
      expect(there.filter(Boolean)).to.have.lengthOf(1)
    })
    const kept = (await isThere(of(1))) ? 1 : 2
    expect(await firstValueFrom(bus.actors.ref(of(kept)).ask('it'))).to.have.property('all')
    const lost = bus.actors.ref(of(3 - kept))
    expect((await rejection(firstValueFrom(lost.ask('it')))).message).to.match(
      /its parent ended|There is no actor/,
    )
    expect([1, 2]).to.include(survivor)
  })

  it('are not reported as stopped when their coordinator cannot be reached', async () => {
    const [leader, follower] = await start({}, {})
    const bus = follower.bus()
    const ref = await bus.actors.create(actor('Worker'), { instances: 2 })
    expect(await placed(bus, ref)).to.deep.equal({ [leader.id]: 1, [follower.id]: 1 })
    await leader.server.close()
    await eventually(() => expect(follower.server.backbone.members.list()).to.have.lengthOf(1))
    expect(await rejection(ref.stop())).to.be.instanceOf(RemoteError)
  })

  it('are all on one host while the leader cannot be reached', async () => {
    const [leader, follower] = await start({}, {})
    await leader.close()
    await eventually(() => expect(follower.server.backbone.members.list()).to.have.lengthOf(1))
    const bus = follower.bus()
    const ref = await bus.actors.create(actor('Worker'), { instances: 2 })
    expect(await placed(bus, ref)).to.deep.equal({ [follower.id]: 2 })
    expect(await firstValueFrom(ref.ask(1))).to.have.property('instance')
    expect(await rejection(bus.actors.create(actor('Worker'), { instances: 2, name: 'x' }))).to.be.instanceOf(
      RemoteError,
    )
  })
})
