import type { EarlierMatch, SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Headers } from '../../message/envelope.js'
import { fitsMatch, isSameMatch, type HeaderMatch } from '../../message/headers.js'

/** Changes that are remembered while messages from before them wait. */
const MOST_CHANGES = 100

/**
 * The headers that a subscription wants of the messages in a log. What it is owed stays what it was when it came, also
 * when it wants other headers since.
 */
export class MatchInLog {
  #now: HeaderMatch | undefined
  #earlier: readonly EarlierMatch[]

  constructor({ match, earlierMatches = [] }: Pick<SubscriptionRequest, 'match' | 'earlierMatches'>) {
    this.#now = match
    this.#earlier = earlierMatches
  }

  /** @param at the place of the message in the log */
  wants(headers: Headers, at: number): boolean {
    for (const { before, match } of this.#earlier) if (at < before) return fitsMatch(match, headers)
    return fitsMatch(this.#now, headers)
  }

  /**
   * @param end new messages come at this place and after it
   * @param high nothing up to here is read again
   * @returns the rules, with the earlier ones that still matter
   */
  renew(rules: SubscriptionRequest, end: () => number, high: number): SubscriptionRequest {
    const before = this.#now
    this.#now = rules.match
    if (!isSameMatch(before, rules.match))
      this.#earlier = [
        ...this.#earlier,
        { before: end(), ...(before === undefined ? {} : { match: before }) },
      ]
    this.#earlier = this.#earlier.filter(each => each.before > high + 1).slice(-MOST_CHANGES)
    const earlierMatches = this.#earlier.length === 0 ? undefined : this.#earlier
    return rules.earlierMatches === earlierMatches ? rules : { ...rules, earlierMatches }
  }
}
