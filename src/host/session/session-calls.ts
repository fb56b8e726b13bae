import type { MsgvanError } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { ConsumerBooks } from '../../wire/frames/consumer-books.js'
import {
  decodeCall,
  encodeReply,
  encodeSync,
  toWireError,
  type Call,
} from '../../wire/frames/control-frames.js'
import { maxCallBytes } from '../../wire/calls/calls.js'
import { FrameKind } from '../../wire/frames/frames.js'
import type { SessionOutput } from './session-output.js'

/**
 * The calls between one session and its client: the client's to the host, and the host's question for a consumer's
 * account.
 */
export class SessionCalls {
  readonly #answer: (method: string, args: unknown) => Promise<unknown>
  readonly #output: SessionOutput
  /** Calls without an answer. */
  readonly #open = new Map<number, Call>()
  /** Subscriptions whose client is asked for its account. */
  readonly #asked = new Map<number, (books: ConsumerBooks) => void>()

  constructor(answer: (method: string, args: unknown) => Promise<unknown>, output: SessionOutput) {
    this.#answer = answer
    this.#output = output
  }

  /** Calls without an answer. */
  get open(): readonly Call[] {
    return [...this.#open.values()]
  }

  /**
   * A CALL frame.
   *
   * @throws ProtocolError
   */
  receive(body: ByteReader): void {
    const { refusal, ...call } = decodeCall(body, method => maxCallBytes(method, Infinity))
    if (refusal === undefined) this.answer(call)
    else this.refuse(call, refusal)
  }

  /** Answers a call, of this process or of the last one. */
  answer(call: Call): void {
    const { id, method, args } = call
    this.#open.set(id, call)
    const done = (frame: Uint8Array): void => {
      this.#open.delete(id)
      this.#reply(frame)
    }
    this.#answer(method, args).then(
      value => done(encodeReply({ id, value })),
      (error: unknown) => done(encodeReply({ id, error: toWireError(error) })),
    )
  }

  refuse(call: Call, error: MsgvanError): void {
    this.#reply(encodeReply({ id: call.id, error: toWireError(error) }))
  }

  /** Asks the client for its account of a subscription. Never settles if the client does not answer. */
  askBooks(subscription: number): Promise<ConsumerBooks> {
    this.#output.sendNow(FrameKind.Books, encodeSync(subscription))
    return new Promise(resolve => this.#asked.set(subscription, resolve))
  }

  /** The client's answer to that. */
  booksCame(books: ConsumerBooks): void {
    this.#asked.get(books.subscription)?.(books)
    this.#asked.delete(books.subscription)
  }

  /** Deliveries made before the reply go out before it. */
  #reply(frame: Uint8Array): void {
    this.#output.send(FrameKind.Reply, frame)
  }
}
