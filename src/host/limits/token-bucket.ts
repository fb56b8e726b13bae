/** How far it may be overdrawn, in milliseconds until it is paid back. */
export const MOST_DEBT_MS = 10_000

/** So many units a second, and as many at once after a quiet second. It may be overdrawn. */
export class TokenBucket {
  readonly #perMs: number
  readonly #most: number
  #left: number
  /** When that was left. */
  #at: number

  constructor(perSecond: number, now: number) {
    this.#perMs = perSecond / 1_000
    this.#most = perSecond
    this.#left = perSecond
    this.#at = now
  }

  /** Whether something is left: what is taken next may be more. */
  has(now: number): boolean {
    return this.#leftAt(now) > 0
  }

  /** @returns the milliseconds until it is not overdrawn */
  debt(now: number): number {
    return Math.max(0, -this.#leftAt(now) / this.#perMs)
  }

  take(units: number, now: number): void {
    this.#left = this.#leftAt(now) - units
    this.#at = now
  }

  #leftAt(now: number): number {
    return Math.min(this.#most, this.#left + (now - this.#at) * this.#perMs)
  }
}
