/** Answers that one principal has in memory. With more topics than that in turn, it asks anew. */
const MOST = 4_096

/** Remembers whether something holds for a topic. Of very many principals few are there: it takes memory when it is used. */
export class TopicAnswers {
  readonly #answer: (topic: string) => boolean
  #known: Map<string, boolean> | undefined

  /** @param answer finds out whether it holds */
  constructor(answer: (topic: string) => boolean) {
    this.#answer = answer
  }

  of(topic: string): boolean {
    const known = this.#known?.get(topic)
    if (known !== undefined) return known
    const answer = this.#answer(topic)
    if (this.#known === undefined || this.#known.size >= MOST) this.#known = new Map()
    this.#known.set(topic, answer)
    return answer
  }

  forget(): void {
    this.#known = undefined
  }
}
