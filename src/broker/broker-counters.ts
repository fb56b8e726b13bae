import type { Counters } from '../bus/contract/status.js'
import { addCounts, noCounts } from './counters.js'

interface Counted {
  readonly counts: Readonly<Counters>
}

export interface BrokerCountersOptions {
  /** The counts of this van before this broker. */
  readonly before: Readonly<Counters> | undefined
  readonly published: () => number
  /** The subscriptions that keep their own counts. */
  readonly subscriptions: () => Iterable<Counted>
}

/** The counts of a broker: those of its subscriptions, present and past, and its own. */
export class BrokerCounters {
  /** The counts of ended subscriptions: each adds its own here at its end. */
  readonly past = noCounts()
  readonly #options: BrokerCountersOptions

  constructor(options: BrokerCountersOptions) {
    this.#options = options
    if (options.before !== undefined) addCounts(this.past, options.before)
  }

  /** Without those of the present subscriptions. */
  get own(): Counters {
    return { ...this.past, published: this.past.published + this.#options.published() }
  }

  get all(): Counters {
    const sum = this.own
    for (const { counts } of this.#options.subscriptions()) addCounts(sum, counts)
    return sum
  }
}
