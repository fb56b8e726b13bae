import type { Verdict } from '../../../wire/frames/settle-frame.js'

/** The settlements of one subscription for the next frame: the number through which all are settled, and single verdicts. */
export class Ledger {
  readonly #onFirst: () => void
  /** All deliveries up to here are settled. `#ahead` has the settled ones beyond. */
  #through = 0
  readonly #ahead = new Set<number>()
  #verdicts: Verdict[] = []
  #hasNews = false

  /** @param onFirst called with the first news since the last `take` */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  /** An ack in order costs only a count. */
  acked(number: number): void {
    if (number === this.#through + 1) this.#advance()
    else {
      // The count alone does not tell the host of an ack out of order.
      this.#ahead.add(number)
      this.#add({ number, verdict: 'ack' })
    }
  }

  /** Settled by a verdict that is more than an ack. */
  settled(verdict: Verdict): void {
    this.#add(verdict)
    if (verdict.number === this.#through + 1) this.#advance()
    else this.#ahead.add(verdict.number)
  }

  /** The next frame has news even without a verdict. */
  news(): void {
    if (this.#hasNews) return
    this.#hasNews = true
    this.#onFirst()
  }

  take(): { through: number; verdicts: readonly Verdict[] } {
    const verdicts = this.#verdicts
    this.#verdicts = []
    this.#hasNews = false
    return { through: this.#through, verdicts }
  }

  reset(): void {
    this.#through = 0
    this.#ahead.clear()
    this.#verdicts = []
    this.#hasNews = false
  }

  #add(verdict: Verdict): void {
    this.#verdicts.push(verdict)
    this.news()
  }

  #advance(): void {
    this.#through++
    while (this.#ahead.size > 0 && this.#ahead.delete(this.#through + 1)) this.#through++
    this.news()
  }
}
