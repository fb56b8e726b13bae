/** Does work on the same key one after the other. */
export class OneAtATime {
  readonly #last = new Map<string, Promise<unknown>>()

  async do<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const after = before.then(work, work)
    this.#last.set(key, after)
    try {
      return await after
    } finally {
      if (this.#last.get(key) === after) this.#last.delete(key)
    }
  }

  /** Resolves when the present work for that key is over, however it ends. */
  async over(key: string): Promise<void> {
    await this.#last.get(key)?.catch(() => undefined)
  }

  async allOver(): Promise<void> {
    await Promise.allSettled(this.#last.values())
  }
}
