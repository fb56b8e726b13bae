/** Beyond this share of its limit, a budget takes nothing more. */
const MOST = 1.25

/** Counts bytes against a limit, for itself and for the whole that it is a part of. */
export class ByteBudget {
  #bytes = 0
  #waiting: Set<() => void> | undefined

  #max: number

  constructor(
    max: number,
    readonly whole?: ByteBudget,
  ) {
    this.#max = max
  }

  get max(): number {
    return this.#max
  }

  /** Another limit from now on. */
  renew(max: number): void {
    this.#max = max
    this.#look()
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#bytes >= this.max || this.whole?.isFull === true
  }

  /** Full, and as much beyond that as there may be. */
  get isOverfull(): boolean {
    return this.#bytes >= this.max * MOST || this.whole?.isOverfull === true
  }

  add(bytes: number): void {
    this.#bytes += bytes
    this.whole?.add(bytes)
    if (bytes < 0) this.#look()
  }

  #look(): void {
    if (this.#waiting !== undefined && this.#bytes < this.#max) for (const look of this.#waiting) look()
  }

  /** Calls it, maybe more than once, when there may be room. @returns a function that ends this */
  watch(look: () => void): () => void {
    this.#waiting ??= new Set()
    this.#waiting.add(look)
    const unwatch = this.whole?.watch(look)
    return () => {
      this.#waiting?.delete(look)
      if (this.#waiting?.size === 0) this.#waiting = undefined
      unwatch?.()
    }
  }

  /** Its part ends. */
  close(): void {
    this.add(-this.#bytes)
  }
}
