/** Shorter than the shortest standstill that counts. */
const EVERY_MS = 500
/** A shorter pause does not count as a standstill. */
const SHORTEST_MS = 1_000

/** Notices that this process stood still: it was stopped, its machine slept, or its event loop was blocked. */
export class Standstill {
  readonly #stoodStill: (milliseconds: number) => void
  #last = 0
  #timer: ReturnType<typeof setInterval> | undefined

  /** @param stoodStill called by the next `look`, with the longest time that it can have been */
  constructor(stoodStill: (milliseconds: number) => void) {
    this.#stoodStill = stoodStill
  }

  begin(): void {
    if (this.#timer !== undefined) return
    this.#last = performance.now()
    this.#timer = setInterval(() => this.look(), EVERY_MS)
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  end(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Call it before you begin anything that must not begin after a standstill: the timer itself may be late. */
  look(): void {
    if (this.#timer === undefined) return
    const now = performance.now()
    const passed = now - this.#last
    this.#last = now
    if (passed >= SHORTEST_MS) this.#stoodStill(passed)
  }
}
