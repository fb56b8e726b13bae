import { closedError } from '../refusals.js'

/** Whether a broker is open, drains, or is closed. */
export class Lifetime {
  readonly #hasInHand: () => boolean
  #isClosed = false
  #isDraining = false

  /** @param hasInHand whether a consumer works on a delivery */
  constructor(hasInHand: () => boolean) {
    this.#hasInHand = hasInHand
  }

  /** `close()` was called. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Takes no more messages. While it drains, the work on a delivery may still publish. */
  get refuses(): boolean {
    return this.#isClosed && !(this.#isDraining && this.#hasInHand())
  }

  /** @throws ClosedError */
  checkOpen(): void {
    if (this.#isClosed) throw closedError()
  }

  close(): void {
    this.#isClosed = true
  }

  /** @returns the result of `wait` */
  async drain(wait: () => Promise<boolean>): Promise<boolean> {
    this.#isDraining = true
    const isDrained = await wait()
    this.#isDraining = false
    return isDrained
  }
}
