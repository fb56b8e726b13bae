import { LimitError } from '../../errors.js'
import type { Link } from '../../wire/link.js'

export const DEFAULT_CLIENT_BYTES = 64 * 1024 * 1024

/** A call without an answer, or a refusal that the client has not seen, costs about this much beside its bytes. */
export const ENTRY_BYTES = 256

export interface ClientBudgetOptions {
  readonly link: Pick<Link, 'answerBytes'>
  readonly max: number
  /** There is more than the client may have. */
  readonly exceeded: (error: LimitError) => void
}

/**
 * Counts the memory of answers to one client that it does not read: replies, refusals of publishes, notices, and calls
 * without an answer. Deliveries are not among them: they wait in their subscriptions.
 */
export class ClientBudget {
  readonly #options: ClientBudgetOptions
  #entryBytes = 0

  constructor(options: ClientBudgetOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#options.link.answerBytes + this.#entryBytes
  }

  get isExceeded(): boolean {
    return this.bytes > this.#options.max
  }

  get error(): LimitError {
    const { max } = this.#options
    return new LimitError(
      `The client left more than ${max} bytes of answers and refusals unread, so its connection is closed. Its session waits. Read faster, or await calls and publishes before the next ones.`,
    )
  }

  /** A call came, or a publish was refused. */
  take(bytes: number): void {
    this.#entryBytes += bytes
    this.check()
  }

  /** The call is answered, or the client knows of the refusal. */
  release(bytes: number): void {
    this.#entryBytes -= bytes
  }

  check(): void {
    if (this.isExceeded) this.#options.exceeded(this.error)
  }

  /** @throws LimitError: the client asks for more before it reads what is there */
  admit(): void {
    if (this.isExceeded) throw this.error
  }
}
