import type { Subscription } from 'rxjs'
import type { Bus } from '../../src/index.js'
import type { Cast } from './cast.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'damaged'
const NAME = 'kept'
const FINISH_MS = 100_000

interface Joined {
  readonly bus: Bus
  readonly process: VirtualProcess
}

/**
 * While the host is dead a piece of its store becomes something else than what was written: messages of a log, or the book of a
 * subscription. The store sets it aside; what the next host names as missing is held against what never comes. It has a van of its own.
 */
export class DamagedRecord {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #accepted = new Set<number>()
  readonly #received = new Map<number, number>()
  readonly #joined: Joined[] = []
  #published = 0
  #open = 0
  /** So many messages were in the piece that is gone. */
  #gone = 0
  #isTold = false
  /** The name could not be kept: nothing is owed to it. */
  #isRefused = false
  #startsBefore = 0

  constructor(stage: Stage, cast: Cast) {
    this.#stage = stage
    this.#cast = cast
  }

  async run(): Promise<void> {
    const { clock, random, trace } = this.#stage
    const joined = await this.#join()
    const { bus, process } = joined
    await clock.as(process, () => {
      // With the host away it is still there when the first messages come.
      const registering = this.#consume(bus)
      registered(bus, registering, () => (this.#isRefused = true))
    })
    await clock.advance(500)
    for (let round = 0; round < 5; round += 1) {
      await clock.as(process, () => this.#publish(bus, random.between(1, 20)))
      await clock.advance(random.between(0, 300))
    }
    this.#cast.killHost()
    const piece = this.#cast.damage(VAN)
    if (piece === undefined) return
    this.#gone = piece.messages
    this.#startsBefore = this.#cast.hostStarts
    trace.count('records damaged')
    await clock.advance(random.between(0, 2_000))
  }

  /** All that is still there comes, and no more than is named is missing. */
  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    const { bus, process } = this.#joined[0] ?? (await this.#join())
    await clock.as(process, () => void this.#consume(bus))
    const until = clock.now + FINISH_MS
    let isLeft: boolean
    do {
      await clock.advance(1_000)
      const { subscriptions } = await this.#cast.host.status(VAN)
      isLeft = this.#open > 0 || subscriptions.some(({ pending, inFlight }) => pending + inFlight > 0)
    } while (isLeft && clock.now < until)
    if (isLeft) books.violated('a van whose store was damaged does not come to rest')
    const lost = [...this.#accepted].filter(number => !this.#received.has(number)).length
    const named = await this.#named(bus, process)
    this.#stage.trace.say(
      process.name,
      () => `misses ${lost}; ${named} are named, ${this.#gone} were in the piece`,
    )
    if (this.#isRefused) return
    if (lost > this.#gone) books.violated(`${lost} messages are gone with a piece that had ${this.#gone}`)
    const isLogged = this.#cast.warnings.some(
      text => text.startsWith(`van ${VAN} misses`) && text.includes(NAME),
    )
    if (lost > 0 && !isLogged) books.violated('no host logged what went with a damaged record')
    // The host that read the store names it as long as it runs, and the next one does not know of it.
    if (this.#cast.hostStarts > this.#startsBefore + 1) return
    if (lost > named)
      books.violated(`${lost} messages are gone with a damaged record, and ${named} are named`)
    if (lost > 0 && !this.#isTold) books.violated('a client was not told that the store was damaged')
  }

  async close(): Promise<void> {
    const { clock } = this.#stage
    for (const { bus, process } of this.#joined)
      await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  #consume(bus: Bus): Subscription {
    return bus.topic<number>('d', { name: NAME }).subscribe(({ payload }) => {
      this.#received.set(payload, (this.#received.get(payload) ?? 0) + 1)
    })
  }

  /** Of messages of this subscription, so many at most. */
  async #named(bus: Bus, process: VirtualProcess): Promise<number> {
    const { clock } = this.#stage
    let named = 0
    await clock.as(process, () => {
      bus.status().then(
        ({ missing = [] }) => {
          for (const { subscription, messages = 0 } of missing) if (subscription === NAME) named += messages
        },
        (error: unknown) => this.#stage.books.violated(`status() failed: ${String(error)}`),
      )
    })
    await clock.advance(2_000)
    return named
  }

  #publish(bus: Bus, count: number): void {
    for (let done = 0; done < count; done += 1) {
      const number = this.#published
      this.#published += 1
      this.#open += 1
      bus.publish('d', number).then(
        () => {
          this.#open -= 1
          this.#accepted.add(number)
        },
        // The disk may be full, or fail.
        () => (this.#open -= 1),
      )
    }
  }

  async #join(): Promise<Joined> {
    const { clock } = this.#stage
    const process = this.#cast.spawn('keeper')
    const bus = await clock.as(process, () => simBus(this.#stage, process, this.#cast.host.url, VAN))
    if (bus === undefined) throw new Error('the keeper could not join')
    bus.errors$.subscribe(({ code }) => {
      if (code === 'MSGVAN_STORE_DAMAGED') this.#isTold = true
    })
    const joined = { bus, process }
    this.#joined.push(joined)
    return joined
  }
}

/** It is in force, and stays when its subscriber goes; on a disk that fails it may not be kept. */
function registered(bus: Bus, subscription: Subscription, refused: () => void): void {
  bus.ready().then(
    () => subscription.unsubscribe(),
    () => {
      refused()
      subscription.unsubscribe()
    },
  )
}
