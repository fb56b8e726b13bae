import type { WaitingMemory } from '../../broker/memory/waiting-memory.js'
import { memoryFull } from '../../broker/refusals.js'
import { LimitError, type OutboxFullError } from '../../errors.js'
import type { Envelope } from '../../message/envelope.js'
import type { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { Link } from '../../wire/link.js'

export const DEFAULT_CLIENT_BYTES = 64 * 1024 * 1024
const MAX_IF_FULL = 1024 * 1024
/** The publishes of one client that may wait for memory. */
const MOST_HELD = 10_000

/** A call without an answer, or a refusal that the client has not seen, costs about this much beside its bytes. */
export const ENTRY_BYTES = 256

export interface ClientBudgetOptions {
  readonly link: Pick<Link, 'answerBytes'>
  readonly max: number
  /** The memory of the host. */
  readonly host: ByteBudget
  /** That of its principal. */
  readonly principal?: ByteBudget | undefined
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
  #frameBytes = 0
  #wholes: readonly ByteBudget[]

  constructor(options: ClientBudgetOptions) {
    this.#options = options
    const { host, principal } = options
    this.#wholes = principal === undefined ? [host] : [host, principal]
  }

  get bytes(): number {
    return this.#options.link.answerBytes + this.#entryBytes
  }

  /** Of frames that it has not read. */
  get unread(): number {
    return this.#frameBytes
  }

  /** Of answers among them, and of calls without an answer. */
  get answers(): number {
    return this.bytes
  }

  /** While the host or the principal has no memory left, each client may have little. */
  get max(): number {
    const { max } = this.#options
    return this.#wholes.some(({ isFull }) => isFull) ? Math.min(max, MAX_IF_FULL) : max
  }

  get isExceeded(): boolean {
    return this.bytes > this.max
  }

  get error(): LimitError {
    const { max } = this
    return new LimitError(
      `The client left more than ${max} bytes of answers and refusals unread, so its connection is closed. Its session waits. Read faster, or await calls and publishes before the next ones.`,
    )
  }

  /** A call came, or a publish was refused. */
  reserve(bytes: number): void {
    this.#entryBytes += bytes
    this.#add(bytes)
    this.check()
  }

  /** The call is answered, or the client knows of the refusal. */
  release(bytes: number): void {
    this.#entryBytes -= bytes
    this.#add(-bytes)
  }

  /** Frames for the client take so many bytes more, or fewer. */
  used(bytes: number): void {
    this.#frameBytes += bytes
    this.#add(bytes)
  }

  /** The session is over: its memory is free. */
  close(): void {
    this.#add(-this.#entryBytes - this.#frameBytes)
    // The rest of it does not count any more.
    this.#wholes = []
  }

  #add(bytes: number): void {
    for (const whole of this.#wholes) whole.add(bytes)
  }

  check(): void {
    if (this.isExceeded) this.#options.exceeded(this.error)
  }

  /** @throws LimitError: the client asks for more before it reads the answers so far */
  admit(): void {
    if (this.isExceeded) throw this.error
  }
}

export type PublishId = Pick<Envelope, 'publisher' | 'sequence' | 'topic' | 'size'>

/** A publish that is held back, by its frame and its place there. */
export interface HeldEntry {
  readonly frame: number
  readonly index: number
  readonly envelope: PublishId
}

/** Publishes of one client that are held back. */
export class HeldPublishes {
  readonly #entries = new Set<HeldEntry>()
  #bytes = 0

  /**
   * @param most bytes of those that wait for memory
   */
  constructor(
    private readonly most: number,
    private readonly memory: Pick<WaitingMemory, 'isFull'>,
  ) {}

  all(): Iterable<HeldEntry> {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  add(held: HeldEntry): void {
    this.#entries.add(held)
    this.#bytes += held.envelope.size
  }

  delete(held: HeldEntry): void {
    if (this.#entries.delete(held)) this.#bytes -= held.envelope.size
  }

  /** The client goes on although its publishes wait for memory: the error for the next ones. */
  get refusal(): OutboxFullError | undefined {
    const isTooMuch = this.#bytes > this.most || this.#entries.size > MOST_HELD
    return isTooMuch && this.memory.isFull ? memoryFull() : undefined
  }
}
