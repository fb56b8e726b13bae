import type { Verdict } from '../../wire/frames/settle-frame.js'

/** What became of one subscription's deliveries, as the host is told: how far all are settled, and what was said of single ones. */
export class Ledger {
  readonly #onFirst: () => void
  /** All deliveries up to here are settled; those beyond that are settled too are in `#ahead`. */
  #through = 0
  readonly #ahead = new Set<number>()
  #verdicts: Verdict[] = []
  #hasNews = false

  /** @param onFirst called when there is something to tell, for the first time since `take` */
  constructor(onFirst: () => void) {
    this.#onFirst = onFirst
  }

  /** An ack that comes in its turn costs nothing but a count. */
  acked(number: number): void {
    if (number === this.#through + 1) this.#advance()
    else {
      // The host cannot tell an ack out of turn from the count alone.
      this.#ahead.add(number)
      this.say({ number, verdict: 'ack' })
    }
  }

  /** Settled by a verdict that says more than an ack. */
  settled(verdict: Verdict): void {
    this.say(verdict)
    if (verdict.number === this.#through + 1) this.#advance()
    else this.#ahead.add(verdict.number)
  }

  say(verdict: Verdict): void {
    this.#verdicts.push(verdict)
    this.news()
  }

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

  #advance(): void {
    this.#through++
    while (this.#ahead.size > 0 && this.#ahead.delete(this.#through + 1)) this.#through++
    this.news()
  }
}
