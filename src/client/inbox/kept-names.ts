/** With more names, those without an open subscription are forgotten. */
const MOST_NAMES = 1_000

/** Names under which the host certainly keeps messages. */
export class KeptNames {
  readonly #names = new Set<string>()

  has(name: string | undefined): boolean {
    return name !== undefined && this.#names.has(name)
  }

  /**
   * @param open the names of the open subscriptions
   */
  add(name: string, open: () => Iterable<string | undefined>): void {
    this.#names.add(name)
    if (this.#names.size <= MOST_NAMES) return
    const kept = new Set(open())
    for (const each of this.#names) if (!kept.has(each)) this.#names.delete(each)
  }
}
