import { stepsOf } from '../../message/claim.js'
import type { Message } from '../../message/message.js'
import type { RetryTimers } from './backlog/retry-queue.js'

/** The end of `ackTimeout` for each open delivery of a consumer. */
export class Deadlines {
  readonly #timers: Pick<RetryTimers, 'after'>
  readonly #cancels = new Map<Message, () => void>()

  constructor(timers: Pick<RetryTimers, 'after'>) {
    this.#timers = timers
  }

  /** Begins anew, if the delivery has one. */
  set(message: Message, ms: number, due: () => void): void {
    this.#cancels.get(message)?.()
    const [first, second] = stepsOf(ms)
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
