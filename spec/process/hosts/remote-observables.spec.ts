import { setTimeout as pass } from 'node:timers/promises'
import { expect } from 'chai'
import { interval, Observable } from 'rxjs'
import { ObservationLostError, type Bus } from '../../../src/index.js'
import { createBus } from '../../../src/bus/create-bus.js'
import { RemoteBroker } from '../../../src/client/remote-broker.js'
import { localSecret } from '../../../src/state/secret.js'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, upTo, type Collected } from '../../support/messages.js'
import { Proxy, throughProxies } from '../../support/proxy.js'
import { Sandbox } from '../../support/sandbox.js'
import { busOn } from '../../support/sandbox-bus.js'

/** Nothing was missed: as many as came, from the first, without a gap. */
function isWhole(seen: Collected<number>): void {
  expect(seen.values).to.deep.equal(upTo(seen.values.length))
}

/** Counts who observes. */
class Counter {
  running = 0
  readonly ticks$ = new Observable<number>(subscriber => {
    this.running += 1
    let count = 0
    subscriber.add(interval(2).subscribe(() => subscriber.next(++count)))
    return () => (this.running -= 1)
  })
  readonly silent$ = new Observable<never>(() => {
    this.running += 1
    return () => (this.running -= 1)
  })
}

describe('a remote observable', () => {
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

  it('errors when the process that exposes it is killed, whether it emits or not', async () => {
    const exposer = sandbox.script(`
      import { interval, map, NEVER } from 'rxjs'
      const bus = msgvan.van({ autoStart: false })
      bus.expose('ticks', () => interval(2).pipe(map(n => n + 1)))
      bus.expose('silent', () => NEVER)
      await bus.ready()
      console.log('in force')`)
    await exposer.shows(/in force/)
    const bus = open()
    const ticks = collect(bus.observe<void, number>('ticks'))
    const silent = collect(bus.observe('silent'))
    await ticks.first(20)
    await eventually(async () => {
      expect((await bus.status()).subscriptions.find(({ name }) => name === '$exposed/silent')).to.include({
        acked: 1,
      })
    })
    await exposer.kill('SIGKILL')
    for (const seen of [ticks, silent]) {
      const error = await seen.failure()
      expect(error).to.be.instanceOf(ObservationLostError)
      expect(error).to.include({ code: 'MSGVAN_OBSERVATION_LOST' })
    }
    isWhole(ticks)
    expect(await collect(bus.observe('ticks')).failure()).to.include({ code: 'MSGVAN_NOT_EXPOSED' })
  })

  it('is unsubscribed when the process that observes it is killed, whether it emits or not', async () => {
    const bus = open()
    const counter = new Counter()
    bus.expose('ticks', () => counter.ticks$)
    bus.expose('silent', () => counter.silent$)
    await bus.ready()
    const observer = sandbox.script(`
      const bus = msgvan.van({ autoStart: false })
      bus.observe('silent').subscribe()
      bus.observe('ticks').subscribe(count => console.log('tick', count))`)
    await observer.shows(/tick 20\n/)
    // Positive control: another one's goes on.
    const mine = collect(open().observe<void, number>('ticks'))
    await mine.first(1)
    expect(counter.running).to.equal(3)
    await observer.kill('SIGKILL')
    await eventually(() => expect(counter.running).to.equal(1))
    await mine.first(mine.values.length + 20)
    isWhole(mine)
  })

  it('outlives its host, or errors: it is never short of a value in silence', async () => {
    const counter = new Counter()
    const exposing = open()
    exposing.expose('ticks', () => counter.ticks$)
    exposing.expose('silent', () => counter.silent$)
    await exposing.ready()
    const observing = open()
    const all = upTo(20).map(() => collect(observing.observe<void, number>('ticks')))
    for (const each of all) await each.first(20)
    const silent = collect(observing.observe<void, never>('silent'))
    await eventually(() => expect(counter.running).to.equal(21))
    process.kill(await sandbox.hostPid(), 'SIGKILL')
    await sandbox.processes.killAll()
    await sandbox.msgvan(['host']).shows(/listening/)
    const before = Math.max(...all.map(({ values }) => values.length))
    for (const each of all) {
      await eventually(() => {
        if (each.errors.length === 0) expect(each.values.length).to.be.greaterThan(before + 500)
      }, 30_000)
      isWhole(each)
      for (const error of each.errors) expect(error).to.be.instanceOf(ObservationLostError)
    }
    // What was lost is not run on for nobody.
    const ended = [...all, silent].filter(({ errors }) => errors.length > 0).length
    await eventually(() => expect(counter.running).to.equal(21 - ended))
  })

  it('goes on over a cut link, without a gap', async () => {
    const proxy = await Proxy.to(sandbox.port)
    try {
      const far = createBus(
        'default',
        new RemoteBroker({
          url: `http://127.0.0.1:${proxy.port}`,
          van: 'default',
          secret: async () => ({ secret: await localSecret(sandbox.paths) }),
          dial: throughProxies(),
        }),
      )
      buses.push(far)
      const near = open()
      const counter = new Counter()
      far.expose('far', () => counter.ticks$)
      near.expose('near', () => counter.ticks$)
      await far.ready()
      await near.ready()
      const seen = [near.observe<void, number>('far'), far.observe<void, number>('near')].map(each =>
        collect(each),
      )
      for (const each of seen) await each.first(20)
      proxy.cut()
      // Both ends look for each other more often meanwhile than it takes to give up one that is gone (above).
      await pass(3_500)
      proxy.mend()
      for (const each of seen) {
        await each.first(each.values.length + 1_000)
        isWhole(each)
        expect(each.errors).to.deep.equal([])
      }
    } finally {
      await proxy.close()
    }
  })
})

describe('a remote observable among hosts', () => {
  let hosts: Convention
  afterEach(() => hosts.clean())

  it('is observed from everywhere, exposed anywhere; a host that dies ends what ran over it', async () => {
    hosts = await Convention.start(2, { args: ['--session-ttl', '3'] })
    const [leader, one, other] = [hosts.leader.bus(), hosts.follower(0).bus(), hosts.follower(1).bus()]
    const counters = new Map<string, Counter>()
    for (const [name, bus] of Object.entries({ leader, one, other })) {
      const counter = new Counter()
      counters.set(name, counter)
      bus.expose(`at ${name}`, () => counter.ticks$)
      await bus.ready()
    }
    for (const bus of [leader, one, other]) await bus.ready()
    const seen = [leader, one, other].flatMap(bus =>
      ['leader', 'one', 'other'].map(name => collect(bus.observe<void, number>(`at ${name}`))),
    )
    for (const each of seen) await each.first(50)
    for (const each of seen) isWhole(each)
    const [first] = hosts.followers
    await first?.process?.kill('SIGKILL')
    // Between the leader and the other one, and within each.
    const [ll, , lo, ol, , oo] = [...seen.slice(0, 3), ...seen.slice(6)]
    for (const each of [ll, lo, ol, oo]) {
      await each?.first(each.values.length + 500)
      expect(each?.errors).to.deep.equal([])
      if (each !== undefined) isWhole(each)
    }
    const atOne = [seen[1], seen[7]]
    for (const each of atOne) {
      await eventually(() => expect(each?.errors.length).to.equal(1), 30_000)
      if (each !== undefined) isWhole(each)
    }
  })

  it('while the leader is away what runs inside one host goes on, and what is newly asked for waits', async () => {
    let proxy: Proxy | undefined
    hosts = await Convention.start(1, {
      via: async port => {
        proxy = await Proxy.to(port)
        return proxy.port
      },
    })
    try {
      const [exposing, observing] = [hosts.follower(0).bus(), hosts.follower(0).bus()]
      const counter = new Counter()
      exposing.expose('ticks', () => counter.ticks$)
      await exposing.ready()
      const running = collect(observing.observe<void, number>('ticks'))
      await running.first(20)
      proxy?.cut()
      const asked = collect(observing.observe<void, number>('ticks'))
      await running.first(running.values.length + 500)
      isWhole(running)
      expect(asked.values).to.deep.equal([])
      proxy?.mend()
      await asked.first(20)
      isWhole(asked)
      expect([...running.errors, ...asked.errors]).to.deep.equal([])
    } finally {
      await proxy?.close()
    }
  })
})
