import { describe } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'
import type { Message } from '../../../message/message.js'

/**
 * After this time a message that the leader has refused for now is sent again; in a row each wait is twice as long, up
 * to the second one.
 */
const RETRY_MS = 500
const LONGEST_RETRY_MS = 10_000

/** A sent message, in the order of first sending. */
export interface ForwardedMessage {
  readonly order: number
  readonly envelope: Envelope
  /** Undefined once the leader holds it. */
  message: Message | undefined
}

/** Of one publisher and topic: messages that the leader refused for now, and those behind them. */
interface Refused {
  readonly error: unknown
  readonly messages: ForwardedMessage[]
}

export interface RefusedForNowOptions {
  readonly warn: (text: string) => void
  /**
   * Runs it after this number of milliseconds.
   *
   * @returns cancels that
   */
  readonly after: (ms: number, run: () => void) => () => void
  /** It is time to send all of them again. */
  readonly due: () => void
}

/** Messages that the leader has no room for now. They stop no others, but those of the same publisher and topic. */
export class RefusedForNow {
  readonly #options: RefusedForNowOptions
  readonly #refused = new Map<string, Refused>()
  /** The publishers and topics with refusals before the last try, and the number of messages that are not taken yet. */
  #retried = new Set<string>()
  #retriedLeft = 0
  #hasWarned = false
  #retryMs = RETRY_MS
  #cancelRetry: (() => void) | undefined

  constructor(options: RefusedForNowOptions) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#refused.size === 0
  }

  all(): readonly ForwardedMessage[] {
    return [...this.#refused.values()].flatMap(({ messages }) => messages)
  }

  /** The refusal that this message has to wait behind. */
  before(envelope: Envelope): Pick<Refused, 'error'> | undefined {
    return this.isEmpty ? undefined : this.#refused.get(keyOf(envelope))
  }

  add(forwarded: ForwardedMessage, error: unknown): void {
    const key = keyOf(forwarded.envelope)
    const refused = this.#refused.get(key)
    if (refused === undefined) this.#refused.set(key, { error, messages: [forwarded] })
    else refused.messages.push(forwarded)
  }

  /** Sends them again after a while. */
  retryLater(error: unknown): void {
    if (this.#cancelRetry !== undefined) return
    if (!this.#hasWarned)
      this.#options.warn(
        `the leader refuses messages for now. This host keeps them and sends them again: ${describe(error)}`,
      )
    this.#hasWarned = true
    this.#schedule()
  }

  /** The leader took this message. It has some room again, if it had refused the message. */
  taken(envelope: Envelope): void {
    if (this.#retried.size === 0 || !this.#retried.has(keyOf(envelope))) return
    this.#retrySoon()
    this.#retriedLeft -= 1
    if (this.#retriedLeft > 0) return
    this.#retried.clear()
    this.#hasWarned = false
  }

  /** They are not refused any more: the caller sends them in their order. */
  clear(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#refused.clear()
  }

  /** The leader is gone. The next one refused nothing. */
  forgetLeader(): void {
    this.#retryMs = RETRY_MS
    this.#retried.clear()
    this.#hasWarned = false
  }

  /** Refusals of the last try often arrive before acceptances: then the next try is due much later than it should be. */
  #retrySoon(): void {
    if (this.#retryMs === RETRY_MS) return
    this.#retryMs = RETRY_MS
    if (this.#cancelRetry === undefined) return
    this.#cancelRetry()
    this.#schedule()
  }

  #schedule(): void {
    this.#cancelRetry = this.#options.after(this.#retryMs, () => {
      this.#retried = new Set(this.#refused.keys())
      this.#retriedLeft = this.all().length
      this.#retryMs = Math.min(2 * this.#retryMs, LONGEST_RETRY_MS)
      this.#options.due()
    })
  }
}

function keyOf({ publisher, topic }: Envelope): string {
  return `${publisher} ${topic}`
}
