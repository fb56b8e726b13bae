import { LRUCache } from 'lru-cache'
import type { Envelope } from '../../message/envelope.js'

const MOST_PUBLISHERS = 2_000
const MOST_TOPICS = 1_000

/**
 * What came from other hosts, to tell what comes again when a link's session was lost. Per publisher and topic messages come
 * in publish order by every way, so one number says which were there. Bounded: what is forgotten might come twice.
 */
export class Seen {
  readonly #publishers = new LRUCache<string, Map<string, number>>({ max: MOST_PUBLISHERS })
  #last = ''
  #topics = new Map<string, number>()

  /** Takes note of it. @returns whether it was there before */
  isRepeated({ publisher, topic, sequence }: Envelope): boolean {
    if (publisher !== this.#last) this.#turnTo(publisher)
    const topics = this.#topics
    const last = topics.get(topic) ?? 0
    if (sequence <= last) return true
    if (last === 0 && topics.size >= MOST_TOPICS) topics.clear()
    topics.set(topic, sequence)
    return false
  }

  #turnTo(publisher: string): void {
    let topics = this.#publishers.get(publisher)
    if (topics === undefined) {
      topics = new Map()
      this.#publishers.set(publisher, topics)
    }
    this.#last = publisher
    this.#topics = topics
  }
}
