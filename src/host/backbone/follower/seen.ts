import type { Envelope } from '../../../message/envelope.js'
import type { SeenMessages } from '../contract/reach-memory.js'
import type { SeenMarks } from '../contract/seen-marks.js'
import { RecentMap } from '../../van/recent-map.js'
import { RefusedRanges } from './refused-ranges.js'

const MOST_PUBLISHERS = 2_000
const MOST_TOPICS = 1_000
const MOST_REFUSED = 2_000

/**
 * The last messages of other hosts, to notice repetitions when a link's session was lost, or this host died. For each
 * publisher and topic messages come in publish order by every way, so one number is enough. Bounded: messages of a
 * forgotten pair might come twice.
 */
export class Seen implements SeenMessages {
  readonly #publishers = new RecentMap<string, Map<string, number>>({ max: MOST_PUBLISHERS })
  /** By publisher and topic. A dropped entry takes the mark back: loss is worse than repetition. */
  readonly #refused = new RecentMap<string, RefusedRanges>({
    max: MOST_REFUSED,
    evicted: (_, { publisher, topic, first }) => {
      if (first !== undefined) this.#publishers.peek(publisher)?.set(topic, first - 1)
    },
  })
  readonly #marks: SeenMarks | undefined
  readonly #isInOrder: boolean
  #last = ''
  #topics = new Map<string, number>()

  /**
   * @param marks a store for longer than this process lives, if there is one
   * @param isInOrder a refused message comes again before any message behind it is accepted, or never, because the
   * publisher learned of the refusal
   */
  constructor(marks?: SeenMarks, { isInOrder = false } = {}) {
    this.#marks = marks
    this.#isInOrder = isInOrder
  }

  /**
   * Records it.
   *
   * @returns whether it was there before
   */
  isRepeated({ publisher, topic, sequence }: Envelope): boolean {
    const last = this.#lastOf(publisher, topic)
    if (sequence <= last) return this.#refused.size === 0 || !this.#fill(publisher, topic, sequence, last)
    this.#note(topic, sequence)
    if (this.#refused.size === 0 || !this.#awaitsRefused(publisher, topic))
      this.#marks?.markSeen(publisher, topic, sequence)
    return false
  }

  /** Whether it was there before. Records nothing. */
  has({ publisher, topic, sequence }: Envelope): boolean {
    if (sequence > this.#lastOf(publisher, topic)) return false
    return this.#refused.get(seenKey(publisher, topic))?.has(sequence) !== true
  }

  /**
   * It was refused: it is accepted when it comes again, also if later ones of its publisher and topic were accepted
   * meanwhile.
   */
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

  /** Of messages before a new one. */
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

  /** Of the present publisher. */
  #note(topic: string, sequence: number): void {
    const topics = this.#topics
    if (topics.size >= MOST_TOPICS && !topics.has(topic)) topics.clear()
    topics.set(topic, sequence)
  }

  /** All of it, for another process. */
  *all(): Generator<[string, ReadonlyMap<string, number>]> {
    // The least recently used one first: it is the first to be forgotten.
    for (const [publisher, topics] of this.#publishers)
      yield [publisher, this.#withoutRefused(publisher, topics)]
  }

  restore(publisher: string, topics: Iterable<readonly [string, number]>): void {
    this.#publishers.set(publisher, new Map(topics))
    this.#last = ''
    this.#topics = new Map()
  }

  /** Another process does not know ranges: messages behind a refused one may come twice there. */
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
