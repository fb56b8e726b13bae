/** What a client asks the host before it hands out more of a subscription. */
export enum Question {
  /** Failed messages are to come first: has it sent them again? */
  Again,
  /** This process stood still: is what is here still its own? What is not has lapsed before the answer. */
  Own,
}

/** The questions of one subscription that the host has not answered. It answers them in order. */
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

  /** Resolves with the next `tell` that finds all of them answered; undefined when they are. */
  allAnswered(): Promise<void> | undefined {
    if (this.isNone) return undefined
    return new Promise(resolve => this.#onceAnswered.push(resolve))
  }

  tell(): void {
    if (this.isNone) for (const tell of this.#onceAnswered.splice(0)) tell()
  }
}
