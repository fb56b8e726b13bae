import { Observable, timer } from 'rxjs'
import { MsgvanError, type Bus } from '../../src/index.js'
import type { Cast } from './cast.js'
import { simBus } from './sim-bus.js'
import type { Stage } from './stage.js'
import type { VirtualProcess } from './virtual-process.js'

const VAN = 'asked'
const REQUESTS = 12
/** Lost connections are noticed by then, and opened again. */
const FINISH_MS = 60_000
const endings = [
  'MSGVAN_TIMEOUT',
  'MSGVAN_NO_RESPONDER',
  'MSGVAN_CONSUMER_DIED',
  // It is not accepted.
  'MSGVAN_STORE',
  'MSGVAN_STORE_FULL',
]

interface Joined {
  readonly bus: Bus
  readonly process: VirtualProcess
}

/**
 * One process asks, others answer, and lines, hosts and processes fail. Each request has its own answer, or ends with an
 * error that says why. What was given up does not run on.
 */
export class Requesting {
  readonly #stage: Stage
  readonly #cast: Cast
  readonly #joined: Joined[] = []
  readonly #responders: Joined[] = []
  #asker: Joined | undefined
  #open = 0
  /** The process of each request in work. */
  readonly #running = new Set<{ readonly process: VirtualProcess }>()

  constructor(stage: Stage, cast: Cast) {
    this.#stage = stage
    this.#cast = cast
  }

  async begin(): Promise<void> {
    for (let count = 0; count < 2; count += 1) this.#responders.push(await this.#respond())
    this.#asker = await this.#join('asker')
    await this.#stage.clock.advance(500)
  }

  async run(): Promise<void> {
    const { clock, random, trace } = this.#stage
    trace.count('requests')
    for (let number = 1; number <= REQUESTS; number += 1) {
      await this.#request(number, random.pick([400, 20_000, 20_000]), random.chance(0.2))
      if (random.chance(0.3)) await this.#trouble()
      await clock.advance(random.between(0, 300))
    }
  }

  /** All have ended; another one is answered; and nothing is in work any more. */
  async finish(): Promise<void> {
    const { clock, books } = this.#stage
    await clock.advance(FINISH_MS)
    if (this.#open > 0) books.violated(`${this.#open} requests have neither an answer nor an error`)
    await this.#request(1_000, 20_000, false, true)
    await clock.advance(30_000)
    if (this.#open > 0) books.violated('a request has no answer when all behave')
    const running = [...this.#running].filter(({ process: { isDead } }) => !isDead).length
    if (running > 0) books.violated(`${running} requests are in work, and nobody waits for them`)
    for (const { bus, process } of this.#joined)
      if (!process.isDead) await clock.as(process, () => void bus.close({ timeout: 500 }))
  }

  async #trouble(): Promise<void> {
    const { random, network } = this.#stage
    const place = random.between(0, this.#responders.length - 1)
    const responder = this.#responders[place]
    if (responder === undefined) return
    switch (random.pick(['host', 'cut', 'session', 'death', 'death'])) {
      case 'host':
        return this.#cast.killHost()
      case 'session':
        network.cut(responder.process)
        return network.isolate(responder.process, 12_000)
      case 'death':
        responder.process.isDead = true
        network.died(responder.process)
        this.#responders[place] = await this.#respond()
        return
      default:
        network.cut(random.chance(0.5) ? responder.process : this.#asking.process)
    }
  }

  get #asking(): Joined {
    if (this.#asker === undefined) throw new Error('there is no asker yet')
    return this.#asker
  }

  async #request(number: number, timeout: number, givesUp: boolean, mustAnswer = false): Promise<void> {
    const { clock, random, books, trace } = this.#stage
    const { bus, process } = this.#asking
    const controller = new AbortController()
    const reason = new Error('given up')
    const end = (): void => {
      this.#open -= 1
    }
    this.#open += 1
    await clock.as(process, () => {
      bus.request<number>('double', number, { timeout, signal: controller.signal }).then(
        answer => {
          end()
          if (answer !== 2 * number) books.violated(`request ${number} is answered by ${String(answer)}`)
        },
        (error: unknown) => {
          end()
          trace.say(process.name, () => `request ${number} ends: ${String(error)}`)
          const isKnown = error === reason || (error instanceof MsgvanError && endings.includes(error.code))
          if (!isKnown || mustAnswer) books.violated(`request ${number} ends with ${String(error)}`)
        },
      )
      if (givesUp) setTimeout(() => controller.abort(reason), random.between(0, 500))
    })
  }

  async #respond(): Promise<Joined> {
    const joined = await this.#join('responder')
    const { random } = this.#stage
    await this.#stage.clock.as(joined.process, () => {
      joined.bus.reply<number, number>('double', ({ payload }) =>
        this.#work(joined.process, payload, random.pick([0, 0, 50, 800, 5_000])),
      )
    })
    return joined
  }

  #work(process: VirtualProcess, number: number, takes: number): Observable<number> {
    return new Observable<number>(subscriber => {
      const work = { process }
      this.#running.add(work)
      subscriber.add(timer(takes).subscribe(() => subscriber.next(2 * number)))
      subscriber.add(() => this.#running.delete(work))
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
