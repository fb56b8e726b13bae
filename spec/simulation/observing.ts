import { Observable, type Subscription } from 'rxjs'
import { MsgvanError, type Bus } from '../../src/index.js'
import type { Cast } from './cast.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'observed'
const EVERY_MS = 50
/** Lost connections are noticed by then, and opened again. */
const FINISH_MS = 60_000
const endings = [
  'MSGVAN_OBSERVATION_LOST',
  'MSGVAN_NOT_EXPOSED',
  'MSGVAN_TIMEOUT',
  // What asks for it is not accepted, or its values are not.
  'MSGVAN_STORE',
  'MSGVAN_STORE_FULL',
]

interface Joined {
  readonly bus: Bus
  readonly process: VirtualProcess
}

/** One remote observable that counts: each value comes once and in turn, until it ends in an error that says so. */
class Observation {
  seen = 0
  hasEnded = false
  subscription: Subscription | undefined
}

/** One process exposes an observable, another one observes it, and lines, hosts and processes fail. It has a van of its own. */
export class Observing {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #joined: Joined[] = []
  #exposer: Joined | undefined
  #observer: Joined | undefined
  #current = new Observation()
  /** How many run at the process that exposes. */
  #running = 0

  constructor(stage: Stage, cast: Cast) {
    this.#stage = stage
    this.#cast = cast
  }

  async begin(): Promise<void> {
    this.#exposer = await this.#expose()
    this.#observer = await this.#join('watcher')
    await this.#stage.clock.advance(500)
    await this.#observe()
  }

  async run(): Promise<void> {
    const { clock, random, network, trace } = this.#stage
    const { process } = this.#watcher
    await clock.advance(random.between(0, 1_000))
    trace.count('observations')
    switch (random.pick(['host', 'cut', 'session', 'death'])) {
      case 'host':
        this.#cast.killHost()
        break
      case 'session':
        network.cut(process)
        network.isolate(process, 12_000)
        break
      case 'death':
        if (this.#exposer !== undefined) {
          this.#exposer.process.isDead = true
          network.died(this.#exposer.process)
          this.#running = 0
        }
        this.#exposer = await this.#expose()
        break
      default:
        network.cut(process)
    }
    await clock.advance(random.between(0, 2_000))
  }

  /** One that has not ended goes on; another one can be had; and who stops observing stops what was exposed. */
  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    await clock.advance(FINISH_MS)
    const { hasEnded, seen } = this.#current
    await clock.advance(1_000)
    if (!hasEnded && this.#current.seen === seen && !this.#current.hasEnded)
      books.violated(`an observation stands still after ${seen} values, and has not ended`)
    await clock.as(this.#watcher.process, () => this.#current.subscription?.unsubscribe())
    await this.#observe()
    await clock.advance(2_000)
    if (this.#current.seen === 0) books.violated('what is exposed cannot be observed again')
    await clock.as(this.#watcher.process, () => this.#current.subscription?.unsubscribe())
    await clock.advance(FINISH_MS)
    if (this.#running > 0) books.violated(`${this.#running} exposed observables run on without an observer`)
    for (const { bus, process } of this.#joined)
      if (!process.isDead) await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  get #watcher(): Joined {
    if (this.#observer === undefined) throw new Error('there is no watcher yet')
    return this.#observer
  }

  async #observe(): Promise<void> {
    const { clock, books, trace } = this.#stage
    const { bus, process } = this.#watcher
    const observation = (this.#current = new Observation())
    await clock.as(process, () => {
      observation.subscription = bus.observe<undefined, number>('ticks').subscribe({
        next: value => {
          if (value !== observation.seen)
            books.violated(`an observation gets ${value}, where ${observation.seen} is next`)
          observation.seen = value + 1
        },
        complete: () => books.violated('an observation that never ends is complete'),
        error: (error: unknown) => {
          observation.hasEnded = true
          trace.say(process.name, () => `its observation ends after ${observation.seen}: ${String(error)}`)
          trace.count('observations lost')
          if (!(error instanceof MsgvanError) || !endings.includes(error.code))
            books.violated(`an observation ends with ${String(error)}`)
        },
      })
    })
  }

  async #expose(): Promise<Joined> {
    const joined = await this.#join('exposer')
    await this.#stage.clock.as(joined.process, () => {
      joined.bus.expose('ticks', () => this.#ticks(joined.process))
    })
    return joined
  }

  #ticks(process: VirtualProcess): Observable<number> {
    return new Observable<number>(subscriber => {
      let next = 0
      this.#running += 1
      const timer = setInterval(() => subscriber.next(next++), EVERY_MS)
      subscriber.add(() => {
        clearInterval(timer)
        if (!process.isDead) this.#running -= 1
      })
    })
  }

  async #join(name: string): Promise<Joined> {
    const { clock } = this.#stage
    const process = this.#cast.spawn(name)
    const bus = await clock.as(process, () => simBus(this.#stage, process, this.#cast.host.url, VAN))
    if (bus === undefined) throw new Error(`${name} could not join`)
    const joined = { bus, process }
    this.#joined.push(joined)
    return joined
  }
}
