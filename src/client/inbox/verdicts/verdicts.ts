import type { Message } from '../../../message/message.js'
import type { Verdict } from '../../../wire/frames/settle-frame.js'
import type { DeliveryMemory } from './delivery-memory.js'
import { Ledger } from './ledger.js'
import type { Failing } from './unconfirmed.js'

/** The verdicts on one subscription's deliveries, on their way to the host. */
export class Verdicts {
  readonly #ledger: Ledger

  /** @param onFirst called with the first news since the last `take` */
  constructor(
    public memory: DeliveryMemory,
    onFirst: () => void,
  ) {
    this.#ledger = new Ledger(onFirst)
  }

  ack(message: Message, number: number): void {
    this.#ledger.acked(number)
    this.memory.settled(message)
  }

  /** `fail` or `reject`. */
  fail(message: Message, number: number, failing: Failing): void {
    this.#ledger.settled({ number, ...failing })
    this.memory.settled(message, failing)
  }

  /** The delivery goes back to the host, and counts no failure. */
  release(message: Message, number: number, isUntouched: boolean, isAbandoned: boolean): void {
    if (!isUntouched) this.memory.saw(message)
    const verdict = isAbandoned ? 'abandon' : isUntouched ? 'untouched' : 'release'
    this.#ledger.settled({ number, verdict })
  }

  /** The next frame has news even without a verdict. */
  news(): void {
    this.#ledger.news()
  }

  take(): { through: number; verdicts: readonly Verdict[] } {
    return this.#ledger.take()
  }

  /** The session is lost: later verdicts on its deliveries do not count. */
  reset(): void {
    this.#ledger.reset()
  }
}
