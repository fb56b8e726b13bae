import { unknownOutcome, type MsgvanError } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import {
  decodeCall,
  encodeReply,
  encodeSync,
  toWireError,
  type Call,
} from '../../wire/frames/control-frames.js'
import { maxCallBytes, traitsOf } from '../../wire/calls/calls.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { ENTRY_BYTES, type ClientBudget } from './client-budget.js'
import type { SessionOutput } from './session-output.js'

/** The calls of one client with long answers that are answered at once. Each of these answers may take megabytes. */
const MOST_LONG_ANSWERS = 4

export interface SessionCallsOptions {
  readonly answer: (call: Call) => Promise<unknown>
  readonly output: SessionOutput
  readonly budget: ClientBudget
}

/**
 * The calls between one session and its client: the client's to the host, and the host's question for a consumer's
 * account.
 */
export class SessionCalls {
  readonly #options: SessionCallsOptions
  /** Calls without an answer. */
  readonly #open = new Map<number, Call>()
  /** Calls to the previous process, until the client is back. */
  #before: readonly Call[] = []
  /** Calls that wait for others with long answers. */
  readonly #waiting: (() => void)[] = []
  #longAnswers = 0
  /** Subscriptions whose client is asked for its account. */
  readonly #asked = new Map<number, (books: ConsumerBooks) => void>()

  constructor(options: SessionCallsOptions) {
    this.#options = options
  }

  /** Calls without an answer. */
  get open(): readonly Call[] {
    return [...this.#before, ...this.#open.values()]
  }

  /** The client made these calls to the previous process. */
  restore(calls: readonly Call[]): void {
    this.#before = calls
  }

  /**
   * The client is back: answers its calls to the previous process. Those that may have been carried out are not
   * repeated.
   */
  answerBefore(): void {
    const calls = this.#before
    this.#before = []
    for (const call of calls) {
      if (traitsOf(call.method).isAnsweredAgain === true) this.answer(call)
      else this.refuse(call, unknownOutcome('The host was restarted before it answered'))
    }
  }

  /**
   * A CALL frame.
   *
   * @throws ProtocolError
   */
  receive(body: ByteReader): void {
    const bytes = body.remaining
    const { refusal, ...call } = decodeCall(body, method => maxCallBytes(method, Infinity))
    if (refusal === undefined) this.answer(call, bytes)
    else this.refuse(call, refusal)
  }

  /**
   * Answers a call, of this process or of the last one.
   *
   * @param bytes of the call
   */
  answer(call: Call, bytes = 0): void {
    const { id } = call
    const { budget } = this.#options
    this.#open.set(id, call)
    budget.reserve(ENTRY_BYTES + bytes)
    const done = (reply: () => Parameters<typeof encodeReply>[0]): void => {
      budget.release(ENTRY_BYTES + bytes)
      this.#open.delete(id)
      if (budget.isExceeded) this.refuse(call, budget.error)
      else this.#reply(encodeReply(reply()))
    }
    this.#answered(call).then(
      value => done(() => ({ id, value })),
      (error: unknown) => done(() => ({ id, error: toWireError(error) })),
    )
  }

  refuse(call: Call, error: MsgvanError): void {
    this.#reply(encodeReply({ id: call.id, error: toWireError(error) }))
  }

  /** Asks the client for its account of a subscription. Never settles if the client does not answer. */
  askBooks(subscription: number): Promise<ConsumerBooks> {
    this.#options.output.sendNow(FrameKind.Books, encodeSync(subscription))
    return new Promise(resolve => this.#asked.set(subscription, resolve))
  }

  /** The client's answer to that. */
  booksCame(books: ConsumerBooks): void {
    this.#asked.get(books.subscription)?.(books)
    this.#asked.delete(books.subscription)
  }

  #answered(call: Call): Promise<unknown> {
    const { answer, budget } = this.#options
    if (traitsOf(call.method).hasLongAnswer !== true) return answer(call)
    const begin = async (): Promise<unknown> => {
      try {
        if (budget.isExceeded) throw budget.error
        return await answer(call)
      } finally {
        const next = this.#waiting.shift()
        if (next === undefined) this.#longAnswers -= 1
        // In a turn of its own: others have theirs in between.
        else setImmediate(next)
      }
    }
    if (this.#longAnswers === MOST_LONG_ANSWERS)
      return new Promise<void>(resolve => this.#waiting.push(resolve)).then(begin)
    this.#longAnswers += 1
    return begin()
  }

  /** Deliveries made before the reply go out before it. */
  #reply(frame: Uint8Array): void {
    this.#options.output.send(FrameKind.Reply, frame)
  }
}
