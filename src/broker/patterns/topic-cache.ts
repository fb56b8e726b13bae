/** The most matches that all topics of one generation hold together, where that is more than USUAL_MATCHES for each. */
const ENOUGH_MATCHES = 100_000
const USUAL_MATCHES = 3

/**
 * A cache by topic, bounded by the number of topics and of their matches. It has two generations. A hit in the young
 * one is one Map lookup. When the young one is full it becomes the old one, and a topic that is used again moves up.
 */
export class TopicCache<T extends { readonly values: readonly unknown[] }> {
  #young = new Map<string, T>()
  #old: Map<string, T> | undefined
  #matches = 0
  readonly #topics: number
  readonly #maxMatches: number

  /** `topics`: its capacity; 0 for none. */
  constructor(topics: number) {
    this.#topics = Math.ceil(topics / 2)
    this.#maxMatches = Math.max(ENOUGH_MATCHES, this.#topics * USUAL_MATCHES)
  }

  get size(): number {
    return this.#young.size + (this.#old?.size ?? 0)
  }

  get(topic: string): T | undefined {
    const young = this.#young.get(topic)
    if (young !== undefined || this.#old === undefined) return young
    const old = this.#old.get(topic)
    if (old !== undefined) this.set(topic, old)
    return old
  }

  /** Call it also when an entry has grown in place. */
  set(topic: string, entry: T): void {
    if (this.#topics === 0) return
    if (this.#young.size >= this.#topics || this.#matches >= this.#maxMatches) this.#rotate()
    this.#old?.delete(topic)
    this.#young.set(topic, entry)
    this.#matches += entry.values.length
  }

  delete(topic: string): void {
    this.#young.delete(topic)
    this.#old?.delete(topic)
  }

  clear(): void {
    this.#young.clear()
    this.#old = undefined
    this.#matches = 0
  }

  #rotate(): void {
    this.#old = this.#young
    this.#young = new Map()
    this.#matches = 0
  }
}
