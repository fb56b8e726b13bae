import { Publisher } from '../session/publisher.js'
import { noMark } from '../store/records/publisher-mark.js'
import type { VanStore } from '../store/van-store.js'
import { RecentMap } from './recent-map.js'

/** The number of remembered publishers: their repeated messages make no duplicates. */
const PUBLISHERS_REMEMBERED = 10_000

/** Refusals that remembered publishers do not know of, of all of them. */
const REFUSALS_REMEMBERED = 200_000

/** The publishers of a van whose sessions ended, with their last messages. */
export class FormerPublishers {
  readonly #store: Pick<VanStore, 'mark'> | undefined
  readonly #publishers = new RecentMap<string, Publisher>({
    max: PUBLISHERS_REMEMBERED,
    maxWeight: REFUSALS_REMEMBERED,
    weigh: ({ refusals }) => refusals,
  })

  constructor(store: Pick<VanStore, 'mark'> | undefined) {
    this.#store = store
  }

  /** The one that left first comes first. */
  [Symbol.iterator](): Iterator<[string, Publisher]> {
    return this.#publishers[Symbol.iterator]()
  }

  /** A publisher whose session ended, or a new one. @param key see `markKey` */
  get(key: string): Publisher {
    return this.#publishers.get(key) ?? new Publisher(this.#store?.mark(key) ?? noMark, false)
  }

  /** The session of a publisher ended: it may come back. */
  remember(key: string, publisher: Publisher): void {
    if (publisher.hasPublished) this.#publishers.set(key, publisher)
  }
}
