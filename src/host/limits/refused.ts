import { LimitError } from '../../errors.js'
import type { Limit } from './definition.js'

/** Of one principal and one limit a line comes so often at most. */
const LOG_EVERY_MS = 10_000

/** Counts the refusals of one principal by limits, and logs the first of each kind at once and the others in sums. */
export class Refused {
  readonly #principal: string
  readonly #warn: (text: string) => void
  readonly #counts = new Map<Limit, number>()
  readonly #logged = new Map<Limit, { at: number; count: number }>()

  constructor(principal: string, warn: (text: string) => void) {
    this.#principal = principal
    this.#warn = warn
  }

  /** How many there were, by limit. */
  get counts(): Readonly<Partial<Record<Limit, number>>> {
    return Object.fromEntries(this.#counts)
  }

  /** @param advice what is over the limit, and what to do, without a full stop */
  refuse(limit: Limit, advice: string): LimitError {
    const count = (this.#counts.get(limit) ?? 0) + 1
    this.#counts.set(limit, count)
    this.#log(limit, count)
    return new LimitError(
      `The principal ${this.#principal} is over its limit ${JSON.stringify(limit)}. ${advice}, or ask the administrator of this host for more.`,
    )
  }

  #log(limit: Limit, count: number): void {
    const before = this.#logged.get(limit)
    const now = performance.now()
    if (before !== undefined && now - before.at < LOG_EVERY_MS) return
    this.#logged.set(limit, { at: now, count })
    const missed = count - (before?.count ?? 0) - 1
    const more = missed === 0 ? '' : ` (and ${missed} times before)`
    this.#warn(`refused: ${this.#principal} is over its limit ${JSON.stringify(limit)}${more}`)
  }
}
