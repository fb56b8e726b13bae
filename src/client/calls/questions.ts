/** A question to the host. The client hands out no more of a subscription before the answer. */
export enum Question {
  /** Failed messages have to come first: has the host sent them again? */
  Again,
  /** This process stood still: are its deliveries still its own? The host withdraws the others before it answers. */
  Own,
}

/** The open questions of one subscription. The host answers them in order. */
export class Questions {
  #asked: Question[] = []
  readonly #onceAnswered: (() => void)[] = []

  get isNone(): boolean {
    return this.#asked.length === 0
  }

  includes(question: Question): boolean {
    return this.#asked.includes(question)
  }

  add(question: Question): void {
    this.#asked.push(question)
  }

  answered(): void {
    this.#asked.shift()
  }

  clear(): void {
    this.#asked = []
  }

  /** Resolves at the next `resume` after the last answer; undefined when no question is open. */
  allAnswered(): Promise<void> | undefined {
    if (this.isNone) return undefined
    return new Promise(resolve => this.#onceAnswered.push(resolve))
  }

  resume(): void {
    if (this.isNone) for (const resume of this.#onceAnswered.splice(0)) resume()
  }
}
