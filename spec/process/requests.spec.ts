import { expect } from 'chai'
import { NEVER } from 'rxjs'
import { ConsumerDiedError, NoResponderError, type Bus, type Message } from '../../src/index.js'
import { Convention } from '../support/convention.js'
import { eventually } from '../support/eventually.js'
import { rejection } from '../support/messages.js'
import type { Started } from '../support/processes.js'
import { Sandbox } from '../support/sandbox.js'
import { busOn } from '../support/sandbox-bus.js'

/** Works for ever, and keeps what it was asked. */
class Busy {
  readonly asked: Message[] = []
  readonly signals: AbortSignal[] = []

  readonly respond = (message: Message) => {
    this.asked.push(message)
    this.signals.push(message.signal)
    return NEVER
  }
}

describe('a request', () => {
  let sandbox: Sandbox
  const buses: Bus[] = []
  const open = (): Bus => {
    const bus = busOn(sandbox, 'default')
    buses.push(bus)
    return bus
  }
  beforeEach(async () => {
    sandbox = await Sandbox.make()
    await sandbox.msgvan(['host']).shows(/listening/)
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(bus => bus.close({ drain: false })))
    await sandbox.clean()
  })

  const responder = async (body: string): Promise<Started> => {
    const process = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      bus.reply('work', message => { ${body} }, { concurrency: 1 })
      await bus.ready()
      console.log('in force')`)
    await process.shows(/in force/)
    return process
  }
  const hangs = `console.log('has', message.redelivered, message.attempt); return new Promise(() => undefined)`
  const diesOfIt = 'process.kill(process.pid, "SIGKILL"); return new Promise(() => undefined)'

  it('goes to another responder when the process of the first one is killed', async () => {
    const first = await responder(hangs)
    const bus = open()
    const asked = bus.request('work')
    await first.shows(/has false 1/)
    const queued = bus.request('work')
    const second = await responder(`${hangs.split(';')[0] ?? ''}; return message.redelivered`)
    await first.kill('SIGKILL')
    expect(await asked).to.equal(true)
    expect(await queued).to.equal(true)
    await second.shows(/has true 2/)
  })

  it('ends with an error after so many deaths', async () => {
    await responder(diesOfIt)
    await responder(diesOfIt)
    const last = await responder('return "alive"')
    const bus = open()
    // The dead are not asked again, so that the last one gets it in the end.
    const outcomes = await Promise.all([1, 2, 3].map(() => bus.request('work', 1, { attempts: 3 })))
    expect(outcomes).to.deep.equal(['alive', 'alive', 'alive'])
    await last.kill('SIGKILL')
    await responder(diesOfIt)
    const error = (await rejection(bus.request('work', 1, { attempts: 1 }))) as Error
    expect(error).to.be.instanceOf(ConsumerDiedError).and.include({ code: 'MSGVAN_CONSUMER_DIED' })
    expect(error.message).to.include('work')
    await responder(diesOfIt)
    const alone = (await rejection(bus.request('work'))) as Error
    expect(alone).to.be.instanceOf(NoResponderError)
    expect(alone.cause).to.be.instanceOf(ConsumerDiedError)
  })

  it('is given up when the process of its asker is killed', async () => {
    const bus = open()
    const busy = new Busy()
    bus.reply('work', busy.respond)
    await bus.ready()
    const asker = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      await bus.request('work', 1, { timeout: Infinity })`)
    await eventually(() => expect(busy.signals).to.have.length(1))
    await asker.kill('SIGKILL')
    await eventually(() => expect(busy.signals[0]?.aborted).to.equal(true), 20_000)
  })

  it('is asked again after the death of its host', async () => {
    const bus = open()
    const replying = open()
    const answers: (() => void)[] = []
    replying.reply(
      'work',
      () => new Promise<string>(resolve => answers.push(() => resolve('after the death'))),
    )
    await replying.ready()
    const asked = bus.request('work', 1, { timeout: 60_000 })
    await eventually(() => expect(answers).to.have.length(1))
    process.kill(await sandbox.hostPid(), 'SIGKILL')
    await sandbox.processes.killAll()
    await sandbox.msgvan(['host']).shows(/listening/)
    // It may be asked for a second time, of the one that still works on it.
    const again = bus.request('work', 2, { timeout: 60_000 })
    await eventually(() => expect(answers.length).to.be.greaterThan(1), 20_000)
    const answering = setInterval(() => answers.forEach(answer => answer()), 20)
    try {
      expect(await Promise.all([asked, again])).to.deep.equal(['after the death', 'after the death'])
    } finally {
      clearInterval(answering)
    }
  })

  it('outlives a restart of its host, which hands over', async () => {
    const bus = open()
    const replying = open()
    let answer: (text: string) => void = () => undefined
    let calls = 0
    replying.reply('work', () => {
      calls += 1
      return new Promise<string>(resolve => (answer = resolve))
    })
    await replying.ready()
    const asked = bus.request('work', 1, { timeout: 60_000 })
    await eventually(() => expect(calls).to.equal(1))
    const queued = bus.request('work', 1, { timeout: 60_000 })
    await eventually(() => expect(calls).to.equal(2))
    const first = answer
    expect((await sandbox.msgvan(['restart']).ended).code).to.equal(0)
    await sandbox.hostPid()
    first('after it')
    expect(await queued).to.equal('after it')
    answer('too')
    void asked.catch(() => undefined)
    expect(calls).to.equal(2)
  })
})

describe('a request among hosts', () => {
  let hosts: Convention
  afterEach(() => hosts.clean())

  it('is answered from everywhere, and asked again when the host of its responder is killed', async () => {
    hosts = await Convention.start(2, { args: ['--session-ttl', '3'] })
    const buses = { leader: hosts.leader.bus(), one: hosts.follower(0).bus(), other: hosts.follower(1).bus() }
    for (const [name, bus] of Object.entries(buses)) {
      bus.reply(`at ${name}`, () => name)
      await bus.ready()
    }
    for (const bus of Object.values(buses)) await bus.ready()
    for (const bus of Object.values(buses)) {
      for (const name of Object.keys(buses)) expect(await bus.request(`at ${name}`)).to.equal(name)
      expect(await rejection(bus.request('at none'))).to.be.instanceOf(NoResponderError)
    }
    const busy = new Busy()
    buses.one.reply('work', busy.respond)
    await buses.one.ready()
    await buses.other.ready()
    const asked = buses.other.request('work', 1, { timeout: 60_000 })
    await eventually(() => expect(busy.asked).to.have.length(1))
    buses.leader.reply('work', ({ redelivered }) => ({ by: 'the leader', redelivered }))
    await buses.leader.ready()
    await hosts.followers[0]?.process?.kill('SIGKILL')
    expect(await asked).to.deep.equal({ by: 'the leader', redelivered: true })
  })
})
