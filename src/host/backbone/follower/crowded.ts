/** Tells the leader which subscriptions of this host are full: its publishers wait for them too. */
export class Crowded {
  readonly #tell: (id: string, pattern: RegExp | string, isCrowded: boolean) => void
  readonly #patterns = new Map<string, RegExp | string>()

  constructor(tell: (id: string, pattern: RegExp | string, isCrowded: boolean) => void) {
    this.#tell = tell
  }

  /**
   * @param isOpen the leader can be reached
   */
  change(id: string, pattern: RegExp | string, isCrowded: boolean, isOpen: boolean): void {
    if (isCrowded) this.#patterns.set(id, pattern)
    else this.#patterns.delete(id)
    if (isOpen) this.#tell(id, pattern, isCrowded)
  }

  /** The leader knows none of them. */
  tellAll(): void {
    for (const [id, pattern] of this.#patterns) this.#tell(id, pattern, true)
  }
}
