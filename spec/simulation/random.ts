/** Chance that can be had again: the same seed gives the same numbers. (mulberry32) */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  number(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.number() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.number() < probability
  }

  pick<T>(from: readonly [T, ...T[]]): T
  pick<T>(from: readonly T[]): T | undefined
  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.number() * from.length)]
  }

  /** One of the choices, each as often as its weight says. */
  weighted<T>(choices: readonly (readonly [weight: number, choice: T])[]): T | undefined {
    let left = this.number() * choices.reduce((sum, [weight]) => sum + weight, 0)
    return choices.find(([weight]) => (left -= weight) < 0)?.[1]
  }

  /** Chance of its own, so that who draws more often here changes nothing there. */
  fork(): Random {
    return new Random(Math.floor(this.number() * 2 ** 32))
  }
}
