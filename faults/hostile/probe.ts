import type { Bus } from '../../src/index.js'

const EVERY_MS = 20
const TOPIC = 'hostile.probe'

export interface Probed {
  readonly published: number
  readonly received: number
  readonly outOfOrder: number
  /** Milliseconds from a publish to its delivery. */
  readonly worst: number
  readonly p99: number
}

/** An honest publisher with its subscriber. */
export class Probe {
  readonly #bus: Bus
  readonly #timer: NodeJS.Timeout
  readonly #waits: number[] = []
  readonly #publishes: Promise<void>[] = []
  #published = 0
  #last = 0
  #outOfOrder = 0
  #looked = 0

  private constructor(bus: Bus) {
    this.#bus = bus
    bus.topic<{ n: number; at: number }>(TOPIC).subscribe(({ payload: { n, at } }) => {
      this.#waits.push(performance.now() - at)
      if (n !== this.#last + 1) this.#outOfOrder += 1
      this.#last = n
    })
    this.#timer = setInterval(() => {
      this.#published += 1
      this.#publishes.push(bus.publish(TOPIC, { n: this.#published, at: performance.now() }))
    }, EVERY_MS)
  }

  static async begin(bus: Bus): Promise<Probe> {
    const probe = new Probe(bus)
    await bus.ready()
    return probe
  }

  /** Milliseconds of the slowest one since the last call. */
  get slowest(): number {
    const slowest = Math.max(0, ...this.#waits.slice(this.#looked))
    this.#looked = this.#waits.length
    return slowest
  }

  async end(): Promise<Probed> {
    clearInterval(this.#timer)
    await Promise.all(this.#publishes)
    await this.#bus.ready()
    const giveUp = performance.now() + 10_000
    while (this.#waits.length < this.#published && performance.now() < giveUp)
      await new Promise(resolve => setTimeout(resolve, 20))
    const waits = [...this.#waits].sort((a, b) => a - b)
    return {
      published: this.#published,
      received: waits.length,
      outOfOrder: this.#outOfOrder,
      worst: waits.at(-1) ?? 0,
      p99: waits[Math.floor(waits.length * 0.99)] ?? 0,
    }
  }
}
