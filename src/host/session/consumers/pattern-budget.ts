import { linearMatcher } from '../../../broker/patterns/linear/linear-matcher.js'
import { requiredLiterals } from '../../../broker/patterns/required-literals.js'
import { LimitError } from '../../../errors.js'

/** UTF-16 units of all patterns of one client, and of exact topics. */
export const MAX_PATTERN_LENGTHS = 8 * 1024 * 1024
/**
 * Instructions of all patterns of one client that require no literal. Each may take time at each new topic of any
 * publisher.
 */
export const MAX_UNINDEXED = 250_000

/** A pattern's length is below this, so that both of its costs are one small integer: subscriptions are many. */
const LENGTHS = 2048

/** Bounds the cost of one client's patterns for the host, and for the publishers of all others. */
export class PatternBudget {
  readonly #costs = new Map<number, number>()
  #length = 0
  #unindexed = 0

  /** @throws LimitError, InvalidPatternError */
  take(subscription: number, pattern: RegExp | string): void {
    const length = typeof pattern === 'string' ? pattern.length : pattern.source.length
    const unindexed = typeof pattern === 'string' ? 0 : unindexedOf(pattern)
    if (this.#length + length > MAX_PATTERN_LENGTHS) {
      throw new LimitError(
        `The patterns of this client take more than ${MAX_PATTERN_LENGTHS} characters. Subscribe with fewer or shorter ones.`,
      )
    }
    if (this.#unindexed + unindexed > MAX_UNINDEXED) {
      throw new LimitError(
        `The patterns of this client that require no literal compile to more than ${MAX_UNINDEXED} instructions. Put a literal of two characters or more into each, as in /^orders\\./, or subscribe with fewer of them.`,
      )
    }
    this.#length += length
    this.#unindexed += unindexed
    this.#costs.set(subscription, unindexed * LENGTHS + length)
  }

  release(subscription: number): void {
    const cost = this.#costs.get(subscription)
    if (cost === undefined) return
    this.#costs.delete(subscription)
    this.#length -= cost % LENGTHS
    this.#unindexed -= Math.floor(cost / LENGTHS)
  }
}

/** @throws InvalidPatternError */
function unindexedOf(pattern: RegExp): number {
  // Refuses a pattern that is too long, before anything looks into it.
  const program = linearMatcher(pattern).program()
  return requiredLiterals(pattern).length > 0 ? 0 : program.size
}
