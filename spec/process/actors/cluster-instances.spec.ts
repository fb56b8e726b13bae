import { dirname } from 'node:path'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { isAlive } from '../../../src/state/pid-hint.js'
import { ActorStoppedError, type ActorRef, type ActorStatus, type Bus } from '../../../src/index.js'
import { Convention, type ConventionHost } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { actorsModule } from '../../support/hosts.js'
import { rejection } from '../../support/rejection.js'

const actor = (name: string) => ({ module: actorsModule, export: name })

interface Done {
  readonly pid: number
  readonly parent: number
  readonly instance: number
}

describe('an actor with instances on two hosts', () => {
  let convention: Convention
  let leader: ConventionHost
  let follower: ConventionHost
  let here: Bus
  let there: Bus
  let ids: { leader: string; follower: string }

  beforeEach(async () => {
    convention = await Convention.start(1, {
      args: ['--heartbeat', '2', '--capabilities', '{"gpu":true}', '--root', dirname(actorsModule)],
    })
    leader = convention.leader
    follower = convention.follower()
    here = leader.bus()
    there = follower.bus()
    await eventually(async () => expect((await there.status()).hosts).to.have.length(2))
    const hosts = [await here.status(), await there.status()].map(({ host }) => host.id)
    ids = { leader: hosts[0] ?? '', follower: hosts[1] ?? '' }
  })

  afterEach(() => convention.clean())

  const actors = async (bus: Bus): Promise<ActorStatus[]> => (await bus.status()).actors
  /** How many instances each host has. */
  const placed = async (bus: Bus, { id }: ActorRef): Promise<Record<string, number>> => {
    const parts = (await actors(bus)).filter(each => each.id === id)
    return Object.fromEntries(parts.map(({ host, instances }) => [host, instances]))
  }
  /** Asks so many at once, and says who did it. */
  const work = (ref: ActorRef, times: number, ms = 50): Promise<Done[]> =>
    Promise.all(Array.from({ length: times }, () => firstValueFrom(ref.ask<Done>(ms))))
  const mailboxes = async (bus: Bus): Promise<unknown[]> =>
    (await bus.status()).subscriptions.filter(({ name }) => name?.startsWith('$actor/') === true)

  it('has them where least runs, its own host first; status and command line say where', async () => {
    const one = await here.actors.create(actor('Worker'), { instances: 3, name: 'one' })
    expect(await placed(here, one)).to.deep.equal({ [ids.leader]: 2, [ids.follower]: 1 })
    expect(await placed(there, one)).to.deep.equal({ [ids.leader]: 2, [ids.follower]: 1 })
    const two = await there.actors.create(actor('Worker'), { instances: 2 })
    expect(await placed(here, two), 'least runs at the follower').to.deep.equal({ [ids.follower]: 2 })
    const three = await here.actors.create(actor('Worker'), { instances: 3 })
    expect(await placed(here, three)).to.deep.equal({ [ids.leader]: 2, [ids.follower]: 1 })
    const single = await there.actors.create(actor('Worker'))
    expect(await placed(here, single), 'one goes where it is wanted').to.deep.equal({ [ids.follower]: 1 })
    const { stdout } = await follower.sandbox.msgvan(['actors']).ended
    for (const host of [ids.leader, ids.follower])
      expect(stdout).to.match(new RegExp(`one +running +${host.slice(0, 8)} +[12] `))
  })

  it('shares its work among them, and is found, told and stopped from both', async () => {
    const ref = await there.actors.create(actor('Worker'), { instances: 2, name: 'it', isolation: 'process' })
    const done = await work(ref, 20)
    expect(new Set(done.map(({ instance }) => instance))).to.deep.equal(new Set([1, 2]))
    expect(new Set(done.map(({ parent }) => parent))).to.deep.equal(
      new Set([leader.process?.pid, follower.process?.pid]),
    )
    for (const bus of [here, there]) expect((await bus.actors.find('it'))?.id).to.equal(ref.id)
    expect((await here.actors.create(actor('Worker'), { name: 'it' })).id).to.equal(ref.id)
    expect(await here.actors.stop(ref)).to.equal(true)
    for (const pid of new Set(done.map(({ pid }) => pid)))
      await eventually(() => expect(isAlive(pid)).to.equal(false))
    for (const bus of [here, there]) {
      expect(await bus.actors.find('it')).to.equal(undefined)
      expect(await actors(bus)).to.deep.equal([])
      expect(await mailboxes(bus)).to.deep.equal([])
      expect(await rejection(firstValueFrom(ref.ask(1)))).to.be.instanceOf(ActorStoppedError)
    }
    expect(await there.actors.stop(ref)).to.equal(false)
  })

  it('is restarted by each host for itself', async () => {
    const ref = await here.actors.create(actor('Worker'), { instances: 2 })
    for (let i = 0; i < 2; i++) await ref.tell('exit')
    await eventually(async () => {
      const parts = await actors(there)
      expect(parts.reduce((sum, { restarts }) => sum + restarts, 0)).to.equal(4)
      expect(parts.map(({ state }) => state)).to.deep.equal(['running', 'running'])
    })
    expect(new Set((await work(ref, 20)).map(({ instance }) => instance))).to.deep.equal(new Set([1, 2]))
  })

  it('goes on with the others when a host is killed: what that held is theirs, and no process stays', async () => {
    const ref = await here.actors.create(actor('Worker'), { instances: 2, name: 'it', isolation: 'process' })
    const before = await work(ref, 10)
    const answers = work(ref, 8, 500)
    await eventually(async () => expect((await mailboxes(here))[0]).to.include({ inFlight: 2 }))
    await follower.process?.kill('SIGKILL')
    const after = await answers
    expect(after).to.have.length(8)
    const leaders = before.filter(({ parent }) => parent === leader.process?.pid).map(({ pid }) => pid)
    expect((await work(ref, 5)).map(({ pid }) => pid)).to.deep.equal(Array(5).fill(leaders[0]))
    expect(await placed(here, ref)).to.deep.equal({ [ids.leader]: 1 })
    for (const { pid } of before)
      if (!leaders.includes(pid)) await eventually(() => expect(isAlive(pid)).to.equal(false))
    expect(await ref.stop()).to.equal(true)
    await eventually(() => expect(isAlive(leaders[0] ?? 0)).to.equal(false))
    expect(await mailboxes(here)).to.deep.equal([])
  })

  it('ends with the leader, that keeps it: no process stays, and it can be made anew', async function () {
    // A leader in its place is given five seconds to hear what was wanted of it.
    this.timeout(60_000)
    const ref = await there.actors.create(actor('Worker'), { instances: 2, name: 'it', isolation: 'process' })
    const pids = (await work(ref, 10)).map(({ pid }) => pid)
    await leader.process?.kill('SIGKILL')
    for (const pid of pids) await eventually(() => expect(isAlive(pid)).to.equal(false))
    await leader.start()
    await eventually(async () => expect((await there.status()).hosts).to.have.length(2))
    expect(await there.actors.find('it')).to.equal(undefined)
    await eventually(async () => expect(await mailboxes(there)).to.deep.equal([]))
    expect(await rejection(firstValueFrom(ref.ask(1)))).to.be.instanceOf(ActorStoppedError)
    const next = await there.actors.create(actor('Worker'), { instances: 2, name: 'it' })
    expect(next.id).not.to.equal(ref.id)
    expect(Object.values(await placed(there, next))).to.deep.equal([1, 1])
  })

  it('goes on where a host ends in order; on one in its place it is complete again', async () => {
    const ref = await here.actors.create(actor('Worker'), { instances: 2 })
    await follower.process?.kill('SIGTERM')
    expect(await placed(here, ref)).to.deep.equal({ [ids.leader]: 1 })
    expect(await work(ref, 3)).to.have.length(3)
    await follower.start()
    await eventually(async () => expect(Object.values(await placed(here, ref))).to.deep.equal([1, 1]))
    await eventually(async () => {
      expect(new Set((await work(ref, 4)).map(({ instance }) => instance))).to.deep.equal(new Set([1, 2]))
    })
  })

  it('is on both again when the leader is restarted, under its id', async () => {
    const ref = await here.actors.create(actor('Worker'), { instances: 2, name: 'it' })
    await there.subscribeActor('tasks', ref, 'task')
    expect(await leader.sandbox.msgvan(['restart']).ended).to.include({ code: 0 })
    const parts = await eventually(async () => {
      const found = await placed(there, ref)
      expect(Object.values(found)).to.deep.equal([1, 1])
      return found
    })
    expect(parts).to.have.property(ids.follower).and.not.have.property(ids.leader)
    // One that is being made is found when it is there.
    expect((await there.actors.find('it'))?.id).to.equal(ref.id)
    // Until the last of them runs the others do all the work.
    await eventually(async () => {
      expect((await actors(there)).map(({ state }) => state)).to.deep.equal(['running', 'running'])
      expect(new Set((await work(ref, 4)).map(({ instance }) => instance))).to.deep.equal(new Set([1, 2]))
    }, 20_000)
    await there.publish('task', 1)
    await eventually(async () => {
      const tasks = (await here.status()).subscriptions.find(({ name }) => name === 'tasks')
      expect(tasks).to.include({ consumers: 2, acked: 1 })
    })
  })

  it('loses the instances of a host that loses what they require; with the last it ends, and its parent hears', async () => {
    const logs = leader.process
    const offer = (host: ConventionHost, gpu: boolean | null) => host.control('capabilities', { gpu })
    const parent = await here.actors.create(actor('Doer'))
    const options = { instances: 2, name: 'gpus' }
    await firstValueFrom(parent.ask(['child', 'GpuWorker', options]))
    const ref = (await there.actors.find('gpus')) ?? expect.fail()
    expect(Object.values(await placed(here, ref))).to.deep.equal([1, 1])
    await offer(leader, null)
    await eventually(async () => expect(await placed(there, ref)).to.deep.equal({ [ids.follower]: 1 }))
    expect(await work(ref, 3)).to.have.length(3)
    expect(logs?.stdout).not.to.match(/child gpus/)
    await offer(follower, null)
    await logs?.shows(/child gpus unfit/)
    expect(await there.actors.find('gpus')).to.equal(undefined)
    expect(await rejection(there.actors.create(actor('GpuWorker'), options))).to.include({
      code: 'MSGVAN_ACTOR_PLACEMENT',
    })
    await offer(follower, true)
    const next = await here.actors.create(actor('GpuWorker'), options)
    expect(await placed(here, next)).to.deep.equal({ [ids.follower]: 2 })
  })

  it('leaves nothing on any host if one of them cannot set it up', async () => {
    for (const [bus, other] of [
      [here, follower],
      [there, leader],
    ] as const) {
      const options = { instances: 3, name: 'x', args: other.port, isolation: 'process' as const }
      const error = await rejection(bus.actors.create(actor('FailsSomewhere'), options))
      expect(error).to.include({ code: 'MSGVAN_ACTOR_START' })
      expect(error.message).to.match(/host at 127.*not on this host/)
      expect(await bus.actors.find('x')).to.equal(undefined)
      expect(await actors(bus)).to.deep.equal([])
      expect(await mailboxes(bus)).to.deep.equal([])
    }
  })

  it('gets a named subscription on both, and its children stop with it, whichever instance made them', async () => {
    const ref = await there.actors.create(actor('Worker'), { instances: 2, name: 'it' })
    await there.subscribeActor('tasks', ref, 'task')
    for (let i = 0; i < 10; i++) await here.publish('task', 50)
    await eventually(async () => {
      const tasks = (await here.status()).subscriptions.find(({ name }) => name === 'tasks')
      expect(tasks).to.include({ consumers: 2, acked: 10 })
    })
    // Whoever is free makes the next: of several, both.
    await Promise.all([work(ref, 4), ref.tell('child')])
    await eventually(async () => expect(await here.actors.find('child')).not.to.equal(undefined))
    await ref.tell('stop')
    await eventually(async () => expect(await actors(here)).to.deep.equal([]))
    const { subscriptions } = await there.status()
    expect(subscriptions.filter(({ name }) => name !== undefined)).to.deep.equal([])
  })
})
