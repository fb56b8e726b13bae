import { stepsOf } from '../../message/claim.js'
import type { Message } from '../../message/message.js'

const LONGEST_TIMER = 2 ** 31 - 1

/** Times `ackTimeout` from the moment when a message is handed out: the subscriber does not pay for time in the inbox. */
export class Deadlines {
  readonly #expired: (message: Message) => void
  readonly #timers = new Map<Message, ReturnType<typeof setTimeout>>()

  /** @param limit in milliseconds; one that is too long for a timer never expires */
  constructor(
    public limit: number,
    expired: (message: Message) => void,
  ) {
    this.#expired = expired
  }

  get isEmpty(): boolean {
    return this.#timers.size === 0
  }

  start(message: Message): void {
    this.stop(message)
    if (this.limit > LONGEST_TIMER) return
    const [first, second] = stepsOf(this.limit)
    const expire = (): void => {
      this.#timers.delete(message)
      this.#expired(message)
    }
    const wait = (): void => void this.#timers.set(message, setTimeout(expire, second))
    this.#timers.set(message, setTimeout(wait, first))
  }

  stop(message: Message): void {
    const timer = this.#timers.get(message)
    if (timer === undefined) return
    clearTimeout(timer)
    this.#timers.delete(message)
  }

  clear(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }
}
