import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { firstValueFrom, lastValueFrom, shareReplay, toArray } from 'rxjs'
import { ActorError, ActorRef, ActorStoppedError, TimeoutError, type Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { collect } from '../../support/messages.js'
import { rejection } from '../../support/rejection.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/actors.js', import.meta.url))
const actor = (name: string) => ({ module, export: name })

interface Remembered {
  all: unknown[]
  args: unknown
  self: { id: string }
  instance: number
  pid: number
  thread: number
}

describe('actors', () => {
  let sandbox: Sandbox
  let host: Started
  let bus: Bus
  let buses: Bus[]
  let van: string

  before(async () => {
    sandbox = await Sandbox.make()
    host = sandbox.msgvan(['host', '--capabilities', '{"writer":true,"disk":"ssd","speed":9}'])
    await host.shows(/listening/i)
  })

  after(() => sandbox.clean())

  const another = (): Bus => {
    const more = busOn(sandbox, van)
    buses.push(more)
    return more
  }

  beforeEach(() => {
    van = randomUUID()
    buses = []
    bus = another()
  })

  afterEach(async () => {
    const { actors } = await bus.status()
    await Promise.all(actors.map(({ id }) => bus.actors.stop(id)))
    await Promise.all(buses.map(open => open.close()))
  })

  const ask = <A>(ref: ActorRef, ...payload: unknown[]): Promise<A> => firstValueFrom(ref.ask<A>(payload))
  const told = (ref: ActorRef): Promise<Remembered> => firstValueFrom(ref.ask<Remembered>('now'))

  it('are made, told and asked, and keep state of their own', async () => {
    const given = { file: 'x', all: new Map([[1, new Set([2n ** 70n])]]) }
    const memory = await bus.actors.create(actor('Memory'), { args: given })
    await memory.tell('one')
    await memory.tell(new Map([[1, 2n]]))
    const { all, args, self, thread } = await told(memory)
    expect(all).to.deep.equal(['one', new Map([[1, 2n]]), 'now'])
    expect(args).to.deep.equal(given)
    expect(self).to.deep.equal({ id: memory.id })
    expect(thread).to.be.greaterThan(0)
  })

  it('get messages and questions, also first ones, from handlers of a closing bus', async () => {
    const memory = await bus.actors.create(actor('Memory'))
    const closing = another()
    const inHand = firstValueFrom(closing.topic('t', { name: 'w', ack: 'manual' }))
    await bus.publish('t').then(() => closing.ready())
    await closing.publish('t')
    const message = await inHand
    const closed = closing.close()
    const ref = closing.actors.ref(memory)
    await ref.tell('one')
    expect((await firstValueFrom(ref.ask<Remembered>('two'))).all).to.deep.equal(['one', 'two'])
    message.ack()
    await closed
    await ref.tell('too late').catch(() => undefined)
    expect(((await told(memory)).all as string[]).slice(0, 2)).to.deep.equal(['one', 'two'])
  })

  it('run in a process of their own, if asked to', async () => {
    const [thread, process] = await Promise.all([
      bus.actors.create(actor('Memory')),
      bus.actors.create(actor('Memory'), { isolation: 'process' }),
    ])
    const here = await told(thread)
    const there = await told(process)
    expect(here.pid).to.equal(host.pid)
    expect(there.thread).to.equal(0)
    expect(there.pid).not.to.equal(host.pid)
  })

  it('answer with an Observable of none, one or many', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    expect(await lastValueFrom(doer.ask(['count', 0]).pipe(toArray()))).to.deep.equal([])
    expect(await lastValueFrom(doer.ask(['count', 1]).pipe(toArray()))).to.deep.equal([1])
    expect(await lastValueFrom(doer.ask(['count', 5]).pipe(toArray()))).to.deep.equal([1, 2, 3, 4, 5])
  })

  it('do not keep an asker forever', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    const error = await rejection(firstValueFrom(doer.ask(['late', 2_000], { timeout: 20 })))
    expect(error).to.be.instanceOf(TimeoutError)
  })

  it('are asked no longer than a signal lets them, and see that in message.signal', async () => {
    const [doer, other] = [await bus.actors.create(actor('Doer')), await bus.actors.create(actor('Doer'))]
    const controller = new AbortController()
    const { signal } = controller
    const file = join(sandbox.home, 'aborted')
    const late = rejection(firstValueFrom(doer.ask(['late', 2_000], { signal })))
    const answers = collect(other.ask(['signalled', file], { signal, timeout: Infinity }))
    await answers.first(1)
    controller.abort(new Error('enough'))
    expect(await late).to.equal(signal.reason)
    expect(answers.errors).to.deep.equal([signal.reason])
    await eventually(async () => expect(await readFile(file, 'utf8')).to.equal('MSGVAN_TAKEN_AWAY\n'))
  })

  it('may be defined without a class', async () => {
    const [summer, doubler] = await Promise.all([
      bus.actors.create(actor('summer')),
      bus.actors.create(actor('doubler')),
    ])
    expect(await firstValueFrom(summer.ask(3))).to.equal(3)
    expect(await firstValueFrom(summer.ask(4))).to.equal(7)
    expect(await firstValueFrom(doubler.ask(21))).to.equal(42)
  })

  it('are reached by refs inside payloads, from actor to actor', async () => {
    const [one, two] = await Promise.all([
      bus.actors.create(actor('Doer'), { name: 'one' }),
      bus.actors.create(actor('Memory'), { name: 'two' }),
    ])
    const answer = await ask<Remembered>(one, 'ask', two, { by: one })
    expect(answer.all).to.deep.equal([{ by: { id: one.id, name: 'one' } }])
    expect(bus.actors.ref(answer.self)).to.be.instanceOf(ActorRef)
  })

  it('have names: two that create at once get the same ref', async () => {
    const other = another()
    const both = await Promise.all([
      bus.actors.create(actor('Memory'), { name: 'unique' }),
      other.actors.create(actor('Memory'), { name: 'unique' }),
    ])
    expect(both[0]).to.deep.equal(both[1])
    expect((await other.actors.find('unique'))?.id).to.equal(both[0].id)
    expect(await bus.actors.find('nobody')).to.equal(undefined)
    expect((await bus.status()).actors.map(({ name, state }) => ({ name, state }))).to.deep.equal([
      { name: 'unique', state: 'running' },
    ])
    expect(await rejection(bus.actors.create(actor('Doer'), { name: 'unique' }))).to.include({
      code: 'MSGVAN_NAME_TAKEN',
    })
  })

  it('share the work among their instances', async () => {
    const memory = await bus.actors.create(actor('Memory'), { instances: 3 })
    const answers = await Promise.all(Array.from({ length: 60 }, () => told(memory)))
    expect(new Set(answers.map(({ instance }) => instance))).to.deep.equal(new Set([1, 2, 3]))
    expect(new Set(answers.map(({ self }) => self.id))).to.deep.equal(new Set([memory.id]))
  })

  it('are refused, with nothing left, if they cannot be', async () => {
    const refused = async (name: string, code: string, text: RegExp, more = {}): Promise<void> => {
      const error = await rejection(bus.actors.create(actor(name), { name: 'x', ...more }))
      expect(error).to.include({ code })
      expect(error.message).to.match(text)
    }
    await refused('nothing', 'MSGVAN_ACTOR_START', /no actor exported as "nothing".*Memory/)
    await refused('notAnActor', 'MSGVAN_ACTOR_START', /no actor exported as "notAnActor"/)
    await refused('FailsSetup', 'MSGVAN_ACTOR_START', /no luck/)
    await refused(
      'Deaf',
      'MSGVAN_ACTOR_START',
      /Actor x failed in its set-up: .*its class Deaf has no method receive/,
    )
    for (const isolation of ['thread', 'process'])
      for (const name of ['NeverSetUp', 'BusySetUp'])
        await refused(
          name,
          'MSGVAN_ACTOR_START',
          /not set up within 0.5 s \(setupTimeout\): its constructor or setup/,
          {
            isolation,
            setupTimeout: 500,
          },
        )
    await refused('Memory', 'MSGVAN_INVALID_OPTION', /^setupTimeout is/, { setupTimeout: 0 })
    await refused('Memory', 'MSGVAN_ACTOR_PLACEMENT', /Actor x requires gpu/, { requires: { gpu: true } })
    await refused('Memory', 'MSGVAN_ACTOR_PLACEMENT', /disk: "nvme"/, { requires: { disk: 'nvme' } })
    const nameless = { name: undefined, requires: { gpu: true } }
    await refused(
      'Memory',
      'MSGVAN_ACTOR_PLACEMENT',
      /Actor Memory of file:.*actors\.js requires gpu/,
      nameless,
    )
    for (const [requires, text] of [
      [null, /requires is null\. Leave it out/],
      [[], /^requires is an object of values/],
      ['gpu', /^requires is an object of values/],
    ] as const) {
      const more = { requires: requires as unknown as Record<string, unknown> }
      await refused('Memory', 'MSGVAN_INVALID_OPTION', text, more)
    }
    await refused('Memory', 'MSGVAN_INVALID_OPTION', /^instances is a whole number/, { instances: 1.5 })
    await refused('Memory', 'MSGVAN_INVALID_OPTION', /^An actor name/, { name: '' })
    const { actors, subscriptions } = await bus.status()
    expect(actors).to.deep.equal([])
    expect(subscriptions.filter(({ name }) => name !== undefined)).to.deep.equal([])
  })

  it('have ten seconds to be set up', async () => {
    const began = performance.now()
    const error = await rejection(bus.actors.create(actor('NeverSetUp'), { instances: 2 }))
    expect(error).to.include({ code: 'MSGVAN_ACTOR_START' })
    expect(error.message).to.match(/within 10 s/)
    expect(performance.now() - began).to.be.within(10_000, 13_000)
    const { actors, subscriptions } = await bus.status()
    expect({ actors, subscriptions }).to.deep.equal({ actors: [], subscriptions: [] })
  })

  it('run where their host has what they require', async () => {
    const writer = await bus.actors.create(actor('Writer'), { requires: { disk: 'ssd' } })
    expect(await firstValueFrom(writer.ask('it'))).to.equal('wrote it')
    const fast = await bus.actors.create(actor('Fast'))
    expect(await firstValueFrom(fast.ask())).to.equal('fast')
  })

  it('get a message again that they throw on, and live on', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    expect(await ask(doer, 'throwOnce')).to.equal('attempt 2')
    const error = await rejection(ask(doer, 'throw', 'this'))
    expect(error).to.be.instanceOf(ActorError)
    expect(error.message).to.match(/2 times.*at attempt 2/)
    expect(error).to.have.property('original').that.deep.equals(['throw', 'this'])
    await doer.tell(['throw', 'that'])
    const letter = await eventually(async () => {
      const letters = await bus.deadLetters().list()
      expect(letters).to.have.length(1)
      return letters[0]
    })
    expect(letter).to.include({ subscription: `$actor/${doer.id}`, attempts: 2 })
    expect(letter?.payload).to.deep.equal(['throw', 'that'])
    expect(await ask(doer, 'pid')).to.equal(host.pid)
  })

  it('stop on request; later messages become dead letters', async () => {
    const memory = await bus.actors.create(actor('Memory'), { name: 'gone' })
    expect(await memory.stop()).to.equal(true)
    expect(await memory.stop()).to.equal(false)
    expect(await bus.actors.find('gone')).to.equal(undefined)
    const error = await rejection(told(memory))
    expect(error).to.be.instanceOf(ActorStoppedError)
    await memory.tell('late')
    const letters = await eventually(async () => {
      const all = await bus.deadLetters().list()
      expect(all).to.have.length(1)
      return all
    })
    expect(letters[0]).to.include({ payload: 'late', subscription: `$actor/${memory.id}` })
  })

  for (const isolation of ['thread', 'process'] as const) {
    // Its worker is given ten seconds: it must not wait for the answer to its own call, which waits for its end.
    it(`are gone without delay when they stop themselves, in a ${isolation}`, async () => {
      const doer = await bus.actors.create(actor('Doer'), { isolation })
      await doer.tell(['stop'])
      await eventually(async () => expect((await bus.status()).actors).to.deep.equal([]))
    })
  }

  it('say so when an answer cannot be carried', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    expect(await rejection(ask(doer, 'function'))).to.include({ code: 'MSGVAN_INVALID_PAYLOAD' })
    expect(await ask(doer, 'array')).to.deep.equal([1, 2])
  })

  it('stop after the message in hand; meanwhile askers get an error', async () => {
    const doer = await bus.actors.create(actor('Doer'))
    const inHand$ = doer.ask(['slow', 300]).pipe(shareReplay())
    const inHand = lastValueFrom(inHand$)
    await firstValueFrom(inHand$)
    const waiting = rejection(ask(doer, 'forever'))
    await bus.ready()
    await doer.stop()
    expect(await inHand).to.equal('done')
    expect(await waiting).to.be.instanceOf(ActorStoppedError)
  })

  for (const topic of [undefined, 'orders']) {
    it(`finish the message in hand when they stop, from ${topic ?? 'the mailbox'}; pending ones become dead letters`, async () => {
      const doer = await bus.actors.create(actor('Doer'))
      if (topic !== undefined) await bus.subscribeActor('named', doer, topic)
      const send = (...payload: unknown[]) =>
        topic === undefined ? doer.tell(payload) : bus.publish(topic, payload)
      const began = firstValueFrom(bus.topic('began'))
      await bus.ready()
      await send('publish', 'began', 200)
      await began
      await send('waits')
      await doer.stop()
      const letters = await bus.deadLetters().list()
      expect(letters.map(({ payload }) => payload)).to.deep.equal([['waits']])
    })
  }
})
