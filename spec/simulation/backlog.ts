import { Observable, type Subscription } from 'rxjs'
import { handle, MsgvanError, type Bus, type Message, type TopicOptions } from '../../src/index.js'
import type { Cast } from './cast.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'backlog'
const NAME = 'heap'
/** All of it is worked off by then, when everybody behaves. */
const FINISH_MS = 600_000
const notices = ['MSGVAN_GAP', 'MSGVAN_SLOW_SUBSCRIPTION', 'MSGVAN_HOST_UNREACHABLE']
const refusals = ['MSGVAN_STORE', 'MSGVAN_STORE_FULL', 'MSGVAN_OVERFLOW', 'MSGVAN_OUTBOX_FULL']

interface Joined {
  readonly bus: Bus
  readonly process: VirtualProcess
}

/**
 * Thousands of messages wait under a name without a consumer. Then one comes that works on a few of them at once, holds as many as
 * its prefetch, and has them all taken away. It has a van of its own: the books of the others look at each pair of messages.
 */
export class Backlog {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #options: TopicOptions<number>
  readonly #concurrency: number
  readonly #accepted = new Set<number>()
  readonly #done = new Set<number>()
  #open = 0
  readonly #joined: Joined[] = []
  #isConsumed = false
  #firstHost: VirtualProcess | undefined
  #isCalm = false

  constructor(stage: Stage, cast: Cast) {
    const { random } = stage
    this.#stage = stage
    this.#cast = cast
    const ackTimeout = random.pick([0, 0, 2_000])
    this.#concurrency = random.pick([1, 4, 32])
    this.#options = {
      name: NAME,
      attempts: 50,
      delay: 10,
      maxPending: 1_000_000,
      ...(ackTimeout === 0 ? {} : { ackTimeout }),
      ...random.pick([{}, { prefetch: 1_500 }, { prefetch: 100_000 }]),
    }
  }

  /** Published, with nobody there to take it. */
  async pileUp(): Promise<void> {
    const { random, clock, trace } = this.#stage
    const count = random.chance(0.03) ? 100_000 : random.pick([2_000, 5_000, 10_000])
    const publisher = await this.#join('publisher')
    await clock.as(publisher.process, () => {
      // With the host away it is still there when the first messages come.
      const registering = publisher.bus
        .topic<number>('b', this.#options)
        .subscribe(({ payload }) => this.#done.add(payload))
      const leave = (): void => registering.unsubscribe()
      publisher.bus.ready().then(leave, leave)
    })
    await clock.advance(2_000)
    this.#firstHost = this.#cast.host.process
    trace.say(
      publisher.process.name,
      () => `publishes a backlog of ${count}, ${JSON.stringify(this.#options)}`,
    )
    await clock.as(publisher.process, () => {
      for (let number = 0; number < count; number += 1) this.#publish(publisher.bus, number)
    })
    await clock.advance(random.between(0, 3_000))
  }

  /** Somebody begins to work on it, and loses all that it holds, this way or another. */
  async takeAway(): Promise<void> {
    const { random, clock, network, trace } = this.#stage
    const { process, subscription } = await this.#consume()
    await clock.advance(random.between(50, 1_000))
    trace.count('backlogs')
    trace.say(process.name, () => `loses what it holds; ${this.#done.size} are done`)
    switch (random.pick(['host', 'session', 'block', 'leave', 'death'])) {
      case 'host':
        this.#cast.killHost()
        break
      case 'session':
        network.cut(process)
        network.isolate(process, 12_000)
        break
      case 'block':
        process.blockedUntil = clock.now + 8_000
        break
      case 'leave':
        await clock.as(process, () => subscription.unsubscribe())
        await this.#consume()
        break
      default:
        process.isDead = true
        network.died(process)
        this.#isConsumed = false
    }
    await clock.advance(random.between(0, 10_000))
  }

  /** All of it is worked off, and nothing that was accepted is missing. */
  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    this.#isCalm = true
    if (!this.#isConsumed) await this.#consume()
    const until = clock.now + FINISH_MS
    let left: string
    do {
      await clock.advance(1_000)
      left = await this.#leftOver()
    } while (left !== '' && clock.now < until)
    if (left !== '') books.violated(`a backlog stands still: ${left}`)
    const hasForgotten = !this.#cast.host.isKept && this.#cast.host.process !== this.#firstHost
    const missing = [...this.#accepted].filter(number => !this.#done.has(number))
    if (missing.length > 0 && !hasForgotten)
      books.violated(
        `${missing.length} of a backlog of ${this.#accepted.size} are missing: ${missing[0] ?? ''} …`,
      )
    for (const { bus, process } of this.#joined)
      if (!process.isDead) await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  async #leftOver(): Promise<string> {
    const { subscriptions } = await this.#cast.host.status(VAN)
    const heap = subscriptions.find(({ name }) => name === NAME)
    const { pending = 0, held = 0, inFlight = 0, acked = 0 } = heap ?? {}
    if (this.#open + pending + held + inFlight === 0) return ''
    return `${this.#open} publishes open, ${pending} pending, ${held} held, ${inFlight} in flight, ${acked} acked`
  }

  #publish(bus: Bus, number: number): void {
    this.#open += 1
    bus.publish('b', number).then(
      () => {
        this.#open -= 1
        this.#accepted.add(number)
      },
      (error: unknown) => {
        this.#open -= 1
        if (!(error instanceof MsgvanError) || !refusals.includes(error.code))
          this.#stage.books.violated(`a message of a backlog was rejected: ${String(error)}`)
      },
    )
  }

  async #consume(): Promise<{ process: VirtualProcess; subscription: Subscription }> {
    const { clock } = this.#stage
    const { bus, process } = await this.#join('worker')
    const working = () =>
      bus
        .topic<number>('b', this.#options)
        .pipe(handle(message => this.#work(message), { concurrency: this.#concurrency }))
        .subscribe()
    const subscription = await clock.as(process, working)
    if (subscription === undefined) throw new Error('the worker of a backlog could not subscribe')
    this.#isConsumed = true
    return { process, subscription }
  }

  #work({ payload }: Message<number>): Observable<never> {
    return new Observable<never>(subscriber => {
      const done = (): void => {
        this.#done.add(payload)
        subscriber.complete()
      }
      // In the end it is quick.
      if (this.#isCalm || this.#stage.random.chance(0.9)) return done()
      const timer = setTimeout(done, 5)
      subscriber.add(() => clearTimeout(timer))
    })
  }

  async #join(name: string): Promise<Joined> {
    const { clock, books } = this.#stage
    const process = this.#cast.spawn(name)
    const bus = await clock.as(process, () => simBus(this.#stage, process, this.#cast.host.url, VAN))
    if (bus === undefined) throw new Error(`${name} could not join`)
    bus.errors$.subscribe(({ code, message }) => {
      if (![...notices, ...refusals].includes(code))
        books.violated(`${name} of a backlog was told ${code}: ${message}`)
    })
    const joined = { bus, process }
    this.#joined.push(joined)
    return joined
  }
}
