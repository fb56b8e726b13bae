import { reader, type Shape } from './payload.js'

export interface Expected extends Shape {
  /** Of each source. */
  readonly count: number
  readonly sources: number
}

/** Counts what one subscription gets, and holds it to order and content, source by source. */
export class Receipt {
  readonly #topics: readonly string[]
  readonly #each: number
  readonly #wanted: number
  readonly #next: Uint32Array
  readonly #reader: ReturnType<typeof reader>
  readonly #full: () => void
  #count = 0
  #wrong: string | undefined

  /**
   * @param topics as they arrive, of all sources
   * @param full called when all that was expected has arrived
   */
  constructor(expected: Expected, topics: readonly string[], full: () => void) {
    this.#topics = topics
    this.#each = expected.topics
    this.#wanted = expected.count * expected.sources
    this.#next = new Uint32Array(expected.sources)
    this.#reader = reader(expected)
    this.#full = full
  }

  get count(): number {
    return this.#count
  }

  /** What arrived and was not what was sent, or more of it than was sent. */
  get wrong(): string | undefined {
    if (this.#count > this.#wanted) return `${this.#count} messages came of ${this.#wanted}`
    return this.#wrong
  }

  take(topic: string, payload: unknown): void {
    const source = this.#reader.source(payload)
    const number = this.#next[source] ?? 0
    this.#next[source] = number + 1
    this.#count += 1
    const isRight =
      this.#reader.isMessage(payload, number) &&
      topic === this.#topics[source * this.#each + (number % this.#each)]
    if (!isRight) this.#wrong ??= `message ${number} of source ${source} is not what was sent`
    if (this.#count === this.#wanted) this.#full()
  }
}
