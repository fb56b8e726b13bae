import { AckTimeoutError } from '../../errors.js'
import { stepsOf } from '../../message/claim.js'
import type { Message } from '../../message/message.js'
import type { RetryTimers } from '../subscription/backlog/retry-queue.js'

/** The end of `ackTimeout` for each open delivery of a consumer. */
export class AckDeadlines {
  readonly #timers: Pick<RetryTimers, 'after'>
  readonly #cancels = new Map<Message, () => void>()

  constructor(timers: Pick<RetryTimers, 'after'>) {
    this.#timers = timers
  }

  /** Begins anew, if the delivery has one. @param late gets the failure, and the reason of `message.signal` */
  set(message: Message, ms: number, late: (error: AckTimeoutError, why: string) => void): void {
    this.#cancels.get(message)?.()
    const [first, second] = stepsOf(ms)
    const due = (): void =>
      late(
        new AckTimeoutError(`Not settled within ackTimeout, ${ms} ms.`),
        `its ackTimeout of ${ms} ms has passed`,
      )
    this.#cancels.set(
      message,
      this.#timers.after(first, () => this.#cancels.set(message, this.#timers.after(second, due))),
    )
  }

  cancel(message: Message): void {
    const cancel = this.#cancels.get(message)
    if (cancel === undefined) return
    cancel()
    this.#cancels.delete(message)
  }
}
