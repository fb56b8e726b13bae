import type { Message } from '../../message/message.js'
import { MOST_VERDICTS, type KeptVerdict } from '../../wire/frames/kept-verdicts.js'
import type { Verdict } from '../../wire/frames/settle-frame.js'
import { Ledger } from './ledger.js'
import { Unconfirmed, type Failing } from './unconfirmed.js'

/** The verdicts on one subscription's deliveries, on their way to the host. */
export class Verdicts {
  readonly #ledger: Ledger
  readonly #unconfirmed = new Unconfirmed()
  /** Verdicts of a lost session, for the host of the next one. */
  #kept: KeptVerdict[] = []

  /** @param onFirst called with the first news since the last `take` */
  constructor(onFirst: () => void) {
    this.#ledger = new Ledger(onFirst)
  }

  ack(message: Message, number: number): void {
    this.#ledger.acked(number)
    this.#unconfirmed.add(message)
  }

  /** `fail` or `reject`. */
  fail(message: Message, number: number, failing: Failing): void {
    this.#ledger.settled({ number, ...failing })
    this.#unconfirmed.add(message, failing)
  }

  /** The delivery goes back to the host, and counts no failure. */
  release(number: number, isUntouched: boolean): void {
    this.#ledger.settled({ number, verdict: isUntouched ? 'untouched' : 'release' })
  }

  /** The next frame has news even without a verdict. */
  news(): void {
    this.#ledger.news()
  }

  take(): { through: number; verdicts: readonly Verdict[] } {
    return this.#ledger.take()
  }

  /** Everything so far is in this frame. */
  sent(frame: number): void {
    this.#unconfirmed.sent(frame)
  }

  /** The host has handled all frames up to this one, and will not forget them. */
  confirmed(frame: number): void {
    this.#unconfirmed.confirmed(frame)
  }

  /** The host of the next session gets these with the subscription: it may still owe the messages. */
  get kept(): readonly KeptVerdict[] {
    return this.#kept
  }

  forgetKept(): void {
    this.#kept = []
  }

  /** The session is lost. Verdicts that the host did not confirm are kept; later ones on its deliveries do not count. */
  reset(): void {
    this.#kept = [...this.#kept, ...this.#unconfirmed.take()].slice(-MOST_VERDICTS)
    this.#ledger.reset()
  }
}
