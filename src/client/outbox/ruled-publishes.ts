import { caught, refusedWith } from '../../bus/caught.js'
import type { PublishRules } from '../../bus/contract/options.js'
import { encodePayload, tooLarge } from '../../codec/payload.js'
import { OutboxFullError, type MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import { newId } from '../../message/new-id.js'
import type { SentArgs } from '../../wire/calls/calls.js'

/** The host keeps calls without an answer in memory: no more of them are there at once. */
const MOST_SENT = 1_000
const MOST_SENT_BYTES = 512 * 1024

type Sent = SentArgs<'publish'>

export interface RuledPublishesOptions {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxPayload: () => number
  readonly call: (args: Sent) => Promise<unknown>
  /** Fewer wait. */
  readonly changed: () => void
}

interface Waiting {
  readonly args: Sent
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Publishes with an id, or a delay, on their way to the host: each is a call, and the host answers it when the van has
 * taken the message over. They keep their order among themselves, and wait while there is no connection.
 */
export class RuledPublishes {
  readonly #options: RuledPublishesOptions
  /** Not sent yet. */
  #waiting: Waiting[] = []
  #next = 0
  #sent = 0
  #sentBytes = 0
  #waitingBytes = 0
  /** Begins the marks of its publishes, which are unique in the van. */
  readonly #name = newId()
  #lastMark = 0

  constructor(options: RuledPublishesOptions) {
    this.#options = options
  }

  /** Those that the host has not answered. */
  get size(): number {
    return this.#sent + this.#waiting.length - this.#next
  }

  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    rules: PublishRules,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    const { maxMessages, maxBytes, maxPayload } = this.#options
    if (this.size >= maxMessages || this.#sentBytes + this.#waitingBytes >= maxBytes)
      return refusedWith(full(maxMessages, maxBytes), refused)
    const bytes = encodePayload(payload)
    if (bytes.length > maxPayload()) return refusedWith(tooLarge(bytes.length, maxPayload()), refused)
    this.#lastMark += 1
    const mark = rules.id === undefined ? `${this.#name}-${this.#lastMark.toString(36)}` : undefined
    const outcome = new Promise<void>((resolve, reject) => {
      const args = { topic, payload: bytes, headers, ...rules, mark }
      this.#waiting.push({ args, bytes: bytes.length, resolve, reject })
    })
    this.#waitingBytes += bytes.length
    this.#send()
    return caught(outcome, refused)
  }

  /** The bus closes. */
  rejectAll(error: MsgvanError): void {
    const waiting = this.#waiting.slice(this.#next)
    this.#waiting = []
    this.#next = this.#waitingBytes = 0
    for (const { reject } of waiting) reject(error)
  }

  #send(): void {
    while (this.#sent === 0 || (this.#sent < MOST_SENT && this.#sentBytes < MOST_SENT_BYTES)) {
      const next = this.#waiting[this.#next]
      if (next === undefined) break
      this.#next += 1
      this.#sent += 1
      this.#sentBytes += next.bytes
      this.#waitingBytes -= next.bytes
      this.#call(next)
    }
    if (this.#next === this.#waiting.length || this.#next > 1_000) {
      this.#waiting = this.#waiting.slice(this.#next)
      this.#next = 0
    }
  }

  #call({ args, bytes, resolve, reject }: Waiting): void {
    const answered = (settle: () => void): void => {
      this.#sent -= 1
      this.#sentBytes -= bytes
      settle()
      this.#send()
      this.#options.changed()
    }
    this.#options.call(args).then(
      () => answered(resolve),
      (error: unknown) => answered(() => reject(error)),
    )
  }
}

function full(messages: number, bytes: number): OutboxFullError {
  return new OutboxFullError(
    `${messages} publishes, or ${bytes} bytes, wait already, which is the limit. Await publish(): then it slows you down.`,
  )
}
