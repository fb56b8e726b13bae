import { LRUCache } from 'lru-cache'
import type { Envelope } from '../../../message/envelope.js'

/** Where it is kept how far each publisher has come on each topic, by way of another host. */
export interface SeenMarks {
  /** 0: it is not known. */
  seen(publisher: string, topic: string): number
  /** In one transaction with the message itself, which is taken over or refused in this very turn. */
  markSeen(publisher: string, topic: string, sequence: number): void
  /** What came from there on could not be kept. */
  forgetSeen(publisher: string, topic: string, sequence: number): void
}

const MOST_PUBLISHERS = 2_000
const MOST_TOPICS = 1_000

/**
 * What came from other hosts, to tell what comes again when a link's session was lost, or this host died. Per publisher and topic messages come
 * in publish order by every way, so one number says which were there. Bounded: what is forgotten might come twice.
 */
export class Seen {
  readonly #publishers = new LRUCache<string, Map<string, number>>({ max: MOST_PUBLISHERS })
  readonly #marks: SeenMarks | undefined
  #last = ''
  #topics = new Map<string, number>()

  /** @param marks kept for longer than this process lives, if anything is */
  constructor(marks?: SeenMarks) {
    this.#marks = marks
  }

  /** Takes note of it. @returns whether it was there before */
  isRepeated({ publisher, topic, sequence }: Envelope): boolean {
    if (publisher !== this.#last) this.#turnTo(publisher)
    const topics = this.#topics
    const last = topics.get(topic) ?? this.#marks?.seen(publisher, topic) ?? 0
    if (sequence <= last) return true
    if (topics.size >= MOST_TOPICS && !topics.has(topic)) topics.clear()
    topics.set(topic, sequence)
    this.#marks?.markSeen(publisher, topic, sequence)
    return false
  }

  /** It is to be taken over when it comes again. */
  forget({ publisher, topic, sequence }: Envelope): void {
    const topics = this.#publishers.get(publisher)
    if ((topics?.get(topic) ?? 0) >= sequence) topics?.set(topic, sequence - 1)
    this.#marks?.forgetSeen(publisher, topic, sequence)
  }

  /** All of it, for another process. */
  *all(): Generator<[string, ReadonlyMap<string, number>]> {
    // The one that was least in use first: it is the first to be forgotten.
    for (const publisher of this.#publishers.rkeys()) {
      const topics = this.#publishers.peek(publisher)
      if (topics !== undefined) yield [publisher, topics]
    }
  }

  restore(publisher: string, topics: Iterable<readonly [string, number]>): void {
    this.#publishers.set(publisher, new Map(topics))
    this.#last = ''
    this.#topics = new Map()
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
