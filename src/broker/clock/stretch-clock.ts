/** The most messages that share one reading of the clock. */
const SHARED = 32

/**
 * The wall clock, read once for publishes that follow each other in one stretch of code. Inside a process, a reading
 * costs more than all the rest of handing a message on.
 */
export class StretchClock {
  readonly #look: () => number
  readonly #shared: number
  /** Not a number at first: then V8 keeps the reading as one object, which all messages of a stretch share. */
  #now: number | undefined = undefined
  #left = 0
  #isEndAwaited = false

  /**
   * @param look another clock than the machine's; it is read each time
   */
  constructor(look: (() => number) | undefined) {
    this.#look = look ?? Date.now
    this.#shared = look === undefined ? SHARED : 1
  }

  read(): number {
    if (this.#left === 0) this.#lookAgain()
    this.#left -= 1
    return this.#now as number
  }

  #lookAgain(): void {
    this.#now = this.#look()
    this.#left = this.#shared
    if (this.#shared === 1 || this.#isEndAwaited) return
    this.#isEndAwaited = true
    queueMicrotask(() => {
      this.#left = 0
      this.#isEndAwaited = false
    })
  }
}
