import type { Timers } from '../../broker/clock/timers.js'
import { LIMITS, type PrincipalLimits } from './definition.js'
import type { Refused } from './refused.js'
import { MOST_DEBT_MS, TokenBucket } from './token-bucket.js'
import type { LimitError } from '../../errors.js'

const RATES = ['publishes', 'bytes'] as const
type Rate = (typeof RATES)[number]

/** Other limits leave what was taken as it is. */
export function sameRates(one: PrincipalLimits | undefined, other: PrincipalLimits | undefined): boolean {
  return one?.over === other?.over && RATES.every(rate => one?.[rate] === other?.[rate])
}

/** The clock of a rate, and its timers. */
export type RateTimers = Pick<Timers, 'now' | 'after'>

/** How many publishes, and bytes, a principal publishes in a second, by all its clients at this host. */
export class PublishRate {
  readonly #limits: PrincipalLimits
  readonly #timers: RateTimers
  readonly #refused: Refused
  readonly #buckets: readonly (readonly [Rate, TokenBucket])[]

  constructor(limits: PrincipalLimits, timers: RateTimers, refused: Refused) {
    this.#limits = limits
    this.#timers = timers
    this.#refused = refused
    this.#buckets = RATES.flatMap(rate => {
      const perSecond = limits[rate]
      return perSecond === undefined ? [] : [[rate, new TokenBucket(perSecond, timers.now())] as const]
    })
  }

  /** @returns undefined if those limits have none of a rate */
  static of(
    limits: PrincipalLimits | undefined,
    timers: RateTimers,
    refused: Refused,
  ): PublishRate | undefined {
    if (limits === undefined || RATES.every(rate => limits[rate] === undefined)) return undefined
    return new PublishRate(limits, timers, refused)
  }

  /** Counts a publish. @returns why it is refused */
  take(bytes: number): LimitError | undefined {
    const now = this.#timers.now()
    for (const [rate, bucket] of this.#buckets) {
      const isOver = this.#limits.over === 'refuse' ? !bucket.has(now) : bucket.debt(now) > MOST_DEBT_MS
      if (isOver) return this.#refused.refuse(rate, this.#advice(rate))
    }
    for (const [rate, bucket] of this.#buckets) bucket.take(rate === 'bytes' ? bytes : 1, now)
    return undefined
  }

  /** Resolves when what was taken is within the limits; undefined when it is. */
  room(): Promise<void> | undefined {
    const now = this.#timers.now()
    let wait = 0
    for (const [, bucket] of this.#buckets) wait = Math.max(wait, bucket.debt(now))
    if (wait === 0) return undefined
    return new Promise(resolve => this.#timers.after(wait, resolve))
  }

  #advice(rate: Rate): string {
    return this.#limits.over === 'refuse'
      ? `It publishes more than ${this.#limits[rate] ?? 0} ${LIMITS[rate]}. Publish again later`
      : `It goes on publishing although its publishes wait for its limit of ${this.#limits[rate] ?? 0} ${LIMITS[rate]}. Await them before the next ones`
  }
}
