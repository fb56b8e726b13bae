import { LRUCache } from 'lru-cache'
import type { Envelope } from '../../../message/envelope.js'
import { RefusedRanges } from './refused-ranges.js'

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
const MOST_REFUSED = 2_000

/**
 * What came from other hosts, to tell what comes again when a link's session was lost, or this host died. Per publisher and topic messages come
 * in publish order by every way, so one number says which were there. Bounded: what is forgotten might come twice.
 */
export class Seen {
  readonly #publishers = new LRUCache<string, Map<string, number>>({ max: MOST_PUBLISHERS })
  /** By publisher and topic. One that is dropped takes the mark back with it: loss is worse than repetition. */
  readonly #refused = new LRUCache<string, RefusedRanges>({
    max: MOST_REFUSED,
    dispose: ({ publisher, topic, first }, _, reason) => {
      if (reason === 'evict' && first !== undefined) this.#publishers.peek(publisher)?.set(topic, first - 1)
    },
  })
  readonly #marks: SeenMarks | undefined
  readonly #isInOrder: boolean
  #last = ''
  #topics = new Map<string, number>()

  /**
   * @param marks kept for longer than this process lives, if anything is
   * @param isInOrder what was refused comes again before anything behind it is taken over, or never: its publisher was told
   */
  constructor(marks?: SeenMarks, { isInOrder = false } = {}) {
    this.#marks = marks
    this.#isInOrder = isInOrder
  }

  /** Takes note of it. @returns whether it was there before */
  isRepeated({ publisher, topic, sequence }: Envelope): boolean {
    const last = this.#lastOf(publisher, topic)
    if (sequence <= last) return this.#refused.size === 0 || !this.#fill(publisher, topic, sequence, last)
    this.#note(topic, sequence)
    if (this.#refused.size === 0 || !this.#awaitsRefused(publisher, topic))
      this.#marks?.markSeen(publisher, topic, sequence)
    return false
  }

  /** Whether it was there before. Takes no note. */
  has({ publisher, topic, sequence }: Envelope): boolean {
    if (sequence > this.#lastOf(publisher, topic)) return false
    return this.#refused.get(seenKey(publisher, topic))?.has(sequence) !== true
  }

  /** It was refused: it is taken over when it comes again, also if later ones of its publisher and topic were taken over meanwhile. */
  refuse({ publisher, topic, sequence }: Envelope): void {
    const last = this.#lastOf(publisher, topic)
    const key = seenKey(publisher, topic)
    let refused = this.#refused.get(key)
    if (refused === undefined) {
      refused = new RefusedRanges(publisher, topic)
      this.#refused.set(key, refused)
    }
    refused.add(sequence, last)
    if (sequence > last) this.#note(topic, sequence)
    this.#marks?.forgetSeen(publisher, topic, sequence)
  }

  /** Of what came before a new one. */
  #awaitsRefused(publisher: string, topic: string): boolean {
    const key = seenKey(publisher, topic)
    if (this.#isInOrder) this.#refused.delete(key)
    return this.#refused.get(key) !== undefined
  }

  /** @returns whether it was refused before */
  #fill(publisher: string, topic: string, sequence: number, last: number): boolean {
    const key = seenKey(publisher, topic)
    const refused = this.#refused.get(key)
    if (refused?.fill(sequence) !== true) return false
    if (this.#isInOrder) refused.giveUpBefore(sequence)
    if (refused.first === undefined) this.#refused.delete(key)
    this.#marks?.markSeen(publisher, topic, (refused.first ?? last + 1) - 1)
    return true
  }

  #lastOf(publisher: string, topic: string): number {
    if (publisher !== this.#last) this.#turnTo(publisher)
    return this.#topics.get(topic) ?? this.#marks?.seen(publisher, topic) ?? 0
  }

  /** Of the publisher that was turned to. */
  #note(topic: string, sequence: number): void {
    const topics = this.#topics
    if (topics.size >= MOST_TOPICS && !topics.has(topic)) topics.clear()
    topics.set(topic, sequence)
  }

  /** All of it, for another process. */
  *all(): Generator<[string, ReadonlyMap<string, number>]> {
    // The one that was least in use first: it is the first to be forgotten.
    for (const publisher of this.#publishers.rkeys()) {
      const topics = this.#publishers.peek(publisher)
      if (topics !== undefined) yield [publisher, this.#withoutRefused(publisher, topics)]
    }
  }

  restore(publisher: string, topics: Iterable<readonly [string, number]>): void {
    this.#publishers.set(publisher, new Map(topics))
    this.#last = ''
    this.#topics = new Map()
  }

  /** Another process knows no ranges: what was taken over behind a refused one may come twice there. */
  #withoutRefused(publisher: string, topics: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
    if (this.#refused.size === 0) return topics
    return new Map(
      [...topics].map(([topic, last]) => {
        const first = this.#refused.peek(seenKey(publisher, topic))?.first
        return [topic, first === undefined ? last : first - 1]
      }),
    )
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

function seenKey(publisher: string, topic: string): string {
  return `${publisher} ${topic}`
}
