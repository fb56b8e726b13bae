/** Often enough for the shortest standstill that counts. */
const EVERY_MS = 500
/** What takes no longer is no standstill. */
const SHORTEST_MS = 1_000

/** Notices that this process stood still: it was stopped, its machine slept, or its event loop was blocked. */
export class Standstill {
  readonly #stoodStill: (milliseconds: number) => void
  #last = 0
  #timer: ReturnType<typeof setInterval> | undefined

  /** @param stoodStill told of it by the next `look`, for how long at most */
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

  /** Wherever something begins that must not after a standstill: a timer that is late may come later still. */
  look(): void {
    if (this.#timer === undefined) return
    const now = performance.now()
    const passed = now - this.#last
    this.#last = now
    if (passed >= SHORTEST_MS) this.#stoodStill(passed)
  }
}
