import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { isAlive } from '../../../src/state/pid-hint.js'
import { ActorStoppedError, type ActorAddress, type ActorRef, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { rejection } from '../../support/rejection.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/actors.js', import.meta.url))
const actor = (name: string) => ({ module, export: name })

describe('actors that fail', () => {
  let sandbox: Sandbox
  let host: Started
  let log: Started
  let bus: Bus

  beforeEach(async () => {
    sandbox = await Sandbox.make()
    host = sandbox.msgvan(['host'])
    await host.shows(/listening/i)
    log = sandbox.msgvan(['logs', '--follow'])
    bus = busOn(sandbox, randomUUID())
  })

  afterEach(async () => {
    await bus.close({ drain: false })
    await sandbox.clean()
  })

  const ask = <A>(ref: ActorRef, ...payload: unknown[]): Promise<A> => firstValueFrom(ref.ask<A>(payload))

  for (const isolation of ['thread', 'process'] as const) {
    it(`start again when they crash, in a ${isolation}; the message in hand has failed once`, async () => {
      const [doer, other] = await Promise.all([
        bus.actors.create(actor('Doer'), { isolation }),
        bus.actors.create(actor('Memory'), { isolation }),
      ])
      await other.tell('before')
      expect(await ask(doer, 'crashOnce')).to.equal('attempt 2')
      // It may answer a moment before its host hears that it runs.
      await eventually(async () => {
        const status = (await bus.status()).actors.find(({ id }) => id === doer.id)
        expect(status).to.include({ restarts: 1, state: 'running' })
      })
      const { all } = await firstValueFrom(other.ask<{ all: unknown[] }>('after'))
      expect(all).to.deep.equal(['before', 'after'])
    })
  }

  it('come back after a kill -9 of their process', async () => {
    const doer = await bus.actors.create(actor('Doer'), { isolation: 'process' })
    const pid = await ask<number>(doer, 'pid')
    process.kill(pid, 'SIGKILL')
    expect(await ask<number>(doer, 'pid')).not.to.equal(pid)
  })

  it('give a message back when they crash on it at every attempt', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    const error = await rejection(ask(doer, 'crash'))
    expect(error).to.include({ code: 'MSGVAN_ACTOR' })
    expect(error).to.have.property('original').that.deep.equals(['crash'])
  })

  it('stop with their parent, which learns when they stop by themselves', async () => {
    const parent = await bus.actors.create(actor('Doer'), { name: 'parent' })
    const child = await ask<ActorAddress>(parent, 'child', 'Doer', { name: 'child' })
    await ask<ActorAddress>(parent, 'child', 'Memory', { name: 'second' })
    const grandchild = bus.actors.ref(await ask<ActorAddress>(bus.actors.ref(child), 'child', 'Memory'))
    await bus.actors.stop(child)
    await log.shows(/child child stopped/)
    expect(await rejection(firstValueFrom(grandchild.ask()))).to.be.instanceOf(ActorStoppedError)
    await parent.stop()
    expect((await bus.status()).actors).to.deep.equal([])
    expect(log.stdout).not.to.match(/child second/)
  })

  for (const isolation of ['thread', 'process'] as const) {
    it(`end with the incarnation of their parent that created them, in a ${isolation}, and their names are free`, async () => {
      const parent = await bus.actors.create(actor('Doer'), { name: 'parent', isolation })
      const born: string[] = []
      for (let crash = 0; crash < 3; crash += 1) {
        const child = await ask<ActorAddress>(parent, 'child', 'Doer', { name: 'child', isolation })
        await ask<ActorAddress>(bus.actors.ref(child), 'child', 'Memory', { isolation })
        await ask<ActorAddress>(parent, 'child', 'Memory', { isolation })
        born.push(child.id)
        expect((await bus.status()).actors).to.have.lengthOf(4)
        expect(await ask(parent, 'crashOnce')).to.equal('attempt 2')
        await eventually(async () => expect((await bus.status()).actors).to.have.lengthOf(1))
        expect(await rejection(ask(bus.actors.ref(child), 'pid'))).to.be.instanceOf(ActorStoppedError)
      }
      expect(new Set(born).size).to.equal(3)
      // Its next incarnation knows nothing of them, and is told nothing; of its own it is.
      const own = await ask<ActorAddress>(parent, 'child', 'Memory', { name: 'own' })
      await bus.actors.stop(own)
      await log.shows(/child own stopped/)
      expect(log.stdout).not.to.match(/child child/)
      const { subscriptions } = await bus.status()
      expect(subscriptions.filter(({ name }) => name?.startsWith('$actor/') === true)).to.have.lengthOf(1)
    })
  }

  it('are not left over by a parent that crashes while it creates them', async () => {
    const parent = await bus.actors.create(actor('Doer'), { isolation: 'process' })
    const pid = await ask<number>(parent, 'pid')
    await parent.tell(['child', 'NeverSetUp', { setupTimeout: 60_000 }])
    await eventually(async () => expect((await bus.status()).actors).to.have.lengthOf(2))
    const { actors: before } = await bus.status()
    process.kill(pid, 'SIGKILL')
    // Its second attempt creates another one.
    await eventually(async () => {
      const { actors } = await bus.status()
      expect(actors).to.have.lengthOf(2)
      const [first, second] = [before, actors].map(
        all => all.find(({ export: name }) => name === 'NeverSetUp')?.id,
      )
      expect(second).to.be.a('string').and.not.equal(first)
    })
  })

  it('leave no process behind that they started when theirs is killed, or ends in order', async () => {
    const doer = await bus.actors.create(actor('Doer'), { isolation: 'process' })
    const [pid, first] = [await ask<number>(doer, 'pid'), await ask<number>(doer, 'spawn')]
    const grandchild = bus.actors.ref(
      await ask<ActorAddress>(doer, 'child', 'Doer', { isolation: 'process' }),
    )
    const [second, third] = [await ask<number>(grandchild, 'pid'), await ask<number>(grandchild, 'spawn')]
    expect([first, second, third].map(isAlive)).to.deep.equal([true, true, true])
    process.kill(pid, 'SIGKILL')
    await eventually(() => expect([first, second, third].map(isAlive)).to.deep.equal([false, false, false]))
    const fourth = await ask<number>(doer, 'spawn')
    expect(isAlive(fourth)).to.equal(true)
    await doer.stop()
    await eventually(() => expect(isAlive(fourth)).to.equal(false))
  })

  it('have timers, also of more than 2^31 ms', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    const file = join(sandbox.home, 'times')
    await ask(doer, 'afterBoth', file)
    const text = await eventually(async () => {
      const written = await readFile(file, 'utf8')
      expect(written).to.contain('end')
      return written
    })
    expect(text).to.equal('in time\nend\n')
  })

  for (const [what, isBusy] of [
    ['idle', false],
    ['busy', true],
  ] as const) {
    it(`leave no process behind when the host is killed, ${what} or not`, async () => {
      const doer = await bus.actors.create(actor('Doer'), { isolation: 'process' })
      const pids = [await ask<number>(doer, 'pid'), await ask<number>(doer, 'spawn')]
      if (isBusy) await doer.tell(['busy', 60_000])
      expect(pids.map(isAlive)).to.deep.equal([true, true])
      await host.kill('SIGKILL')
      await eventually(() => expect(pids.map(isAlive)).to.deep.equal([false, false]))
    })
  }

  it('stop when their host loses what they require; with it again the same call works', async () => {
    const van = bus.name
    const change = (capabilities: object) =>
      sandbox.script(
        `const bus = msgvan.van({ name: ${JSON.stringify(van)}, capabilities: ${JSON.stringify(capabilities)} })
       await bus.ready()
       await bus.close()`,
      ).ended
    const parent = await bus.actors.create(actor('Doer'))
    const create = (name: string) => ask<ActorAddress>(parent, 'child', name, { name })
    const refused = await rejection(create('Writer'))
    expect(refused.message).to.match(/Writer requires writer/)
    await change({ writer: true, speed: 9 })
    const writer = bus.actors.ref(await create('Writer'))
    const fast = bus.actors.ref(await create('Fast'))
    await change({ writer: null, speed: 1 })
    await log.shows(/child Writer unfit/)
    await log.shows(/child Fast unfit/)
    for (const ref of [writer, fast]) {
      expect(await rejection(firstValueFrom(ref.ask()))).to.be.instanceOf(ActorStoppedError)
    }
    await writer.tell('lost')
    await eventually(async () => {
      const letters = await bus.deadLetters().list()
      expect(letters.map(({ payload }) => payload)).to.deep.equal(['lost'])
    })
    await change({ writer: 1 })
    expect((await create('Writer')).name).to.equal('Writer')
  })

  it('get the messages of a named subscription, too', async () => {
    const first = await bus.actors.create(actor('Memory'))
    const second = await bus.actors.create(actor('Memory'))
    await bus.subscribeActor('orders', first, /^orders\./)
    await bus.publish('orders.1', 'one')
    await eventually(async () => {
      const { all } = await firstValueFrom(first.ask<{ all: unknown[] }>('?'))
      expect(all).to.include('one')
    })
    await bus.subscribeActor('orders', second, /^orders\./)
    await bus.publish('orders.2', 'two')
    await eventually(async () => {
      const { all } = await firstValueFrom(second.ask<{ all: unknown[] }>('?'))
      expect(all).to.include('two')
    })
    const { all } = await firstValueFrom(first.ask<{ all: unknown[] }>('end'))
    expect(all).not.to.include('two')
    expect(await bus.unsubscribe('orders')).to.equal(true)
    expect(await rejection(bus.subscribeActor('orders', 'nobody', 'x'))).to.be.instanceOf(ActorStoppedError)
    const throwing = await bus.actors.create(actor('Doer'))
    await bus.subscribeActor('throwing', throwing, 'x')
    await bus.publish('x', ['throw'])
    await eventually(async () => {
      const [letter] = await bus.deadLetters().list({ subscription: 'throwing' })
      expect(letter).to.include({ attempts: 2, topic: 'x' })
    })
    await throwing.stop()
    expect(
      (await bus.status()).subscriptions.filter(({ name }) => name !== undefined).map(({ name }) => name),
    ).to.not.include('throwing')
  })

  it('are listed and stopped by the command line', async () => {
    const named = ['--van', bus.name]
    await bus.actors.create(actor('Memory'), { name: 'clerk' })
    const listed = await sandbox.msgvan(['actors', ...named]).ended
    expect(listed.stdout).to.match(
      /ID +NAME +STATE +HOST +INSTANCES +RESTARTS +ACTOR\n\S+ +clerk +running +\S+ +1 +0 +Memory of file:/,
    )
    const json = await sandbox.msgvan(['actors', '--json', ...named]).ended
    expect(JSON.parse(json.stdout)).to.include({ name: 'clerk', export: 'Memory' })
    expect(await sandbox.msgvan(['actors', 'stop', 'clerk', ...named]).ended).to.include({ code: 0 })
    expect(await sandbox.msgvan(['actors', 'stop', 'clerk', ...named]).ended).to.include({ code: 1 })
    const none = await sandbox.msgvan(['actors', 'stop', 'clerk', '--json', ...named]).ended
    expect(none).to.include({ code: 1, stdout: '{"id":"clerk","stopped":false}\n' })
    expect(await bus.actors.find('clerk')).to.equal(undefined)
  })
})
