import { Message } from '../../message/message.js'
import { inBytes } from '../../message/envelope-body.js'
import { DeliverWriter } from '../../wire/frames/deliver-frame.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { WritingTable } from '../../wire/frames/string-table.js'
import type { ClientBudget } from './client-budget.js'
import type { Link } from '../../wire/link.js'
import { BATCH_BYTES } from '../../wire/protocol.js'

export interface SessionOutputOptions {
  readonly link: Link
  /** Has the bytes that may wait for a client that does not read. */
  readonly budget: Pick<ClientBudget, 'max'>
  /** Sends the frames that go before the deliveries. */
  readonly flushed: () => void
  /** The client does not keep up with reading, or keeps up again. */
  readonly busy: (isBusy: boolean) => void
}

/** The frames of one session on their way out. Collects deliveries, and sends them before every frame that has to follow them. */
export class SessionOutput {
  readonly #options: SessionOutputOptions
  readonly #link: Link
  readonly #deliveries = new DeliverWriter(new WritingTable())
  #isBusy = false
  #isClosed = false

  constructor(options: SessionOutputOptions) {
    this.#options = options
    this.#link = options.link
  }

  /** The strings that the client knows by number. */
  get texts(): readonly string[] {
    return this.#deliveries.table.texts
  }

  /** Continues the strings of another process. */
  restore(texts: readonly string[]): void {
    this.#deliveries.table.restore(texts)
  }

  /** The client has so much unread data that it gets nothing more for now. */
  get isBusy(): boolean {
    return this.#isBusy
  }

  /**
   * False: there is so much unread data that even failed messages do not go back to the client. It could fail one
   * message forever.
   */
  get takesBack(): boolean {
    return this.#link.retainedBytes <= 2 * this.#options.budget.max
  }

  get isAttached(): boolean {
    return this.#link.isAttached
  }

  /** Adds one delivery to the frame that is being collected. */
  deliver(subscription: number, number: number, message: Message): void {
    const envelope = Message.envelopeOf(message)
    this.#deliveries.add(subscription, number, inBytes(envelope), message.attempt, message.redelivered)
    if (this.#deliveries.bytes >= BATCH_BYTES) this.flush()
    else this.#link.wake()
  }

  flush(): void {
    this.#options.flushed()
    if (this.#deliveries.bytes === 0) return
    const { budget, busy } = this.#options
    this.#link.send(FrameKind.Deliver, this.#deliveries.take())
    if (this.#isBusy || this.#link.retainedBytes <= budget.max) return
    this.#isBusy = true
    busy(true)
  }

  /** The client has read more. Not at the first byte of room: with little room each frame would stop the output. */
  acked(): void {
    const { budget, busy } = this.#options
    if (!this.#isBusy || this.#link.retainedBytes > budget.max / 2) return
    this.#isBusy = false
    busy(false)
  }

  /** Sends a frame behind all deliveries so far. */
  send(kind: FrameKind, body: Uint8Array): void {
    if (this.#isClosed) return
    this.flush()
    this.#link.send(kind, body)
  }

  /** Sends a frame that need not follow the deliveries collected so far. */
  sendNow(kind: FrameKind, body: Uint8Array): void {
    if (!this.#isClosed) this.#link.send(kind, body)
  }

  /** The session is over: no more answers and notices. */
  close(): void {
    this.#isClosed = true
    this.#link.detach()
  }
}
