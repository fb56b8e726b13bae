import { newId } from '../../message/new-id.js'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import { REPLIES } from '../../message/topic.js'
import type { Broker } from '../contract/broker.js'
import { DEFAULT_PENDING_BYTES, type SubscriptionRequest } from '../contract/subscription-request.js'

/** Headers of messages between buses: the address for answers, and the code of an error. */
export const FROM = '$from'
export const CODE = '$code'
/** A header of the van's own notices: an address whose bus is gone. */
const GONE = '$gone'

/**
 * Sends to a system topic.
 *
 * @throws InvalidPayloadError, PayloadTooLargeError
 */
export type Send = (topic: string, payload: unknown, headers: Headers) => Promise<void>

export interface InboxReader {
  read(message: Message): void
  /** The session is lost: messages may be, too. */
  lapsed?(): void
  /** No more messages come: the bus is closed, or the van refused. */
  ended(error: MsgvanError | undefined): void
}

/** The address of one bus: a topic to which only this bus subscribes. Messages for it arrive in order. */
export class ReplyInbox {
  readonly address = REPLIES + newId()
  readonly #broker: Broker
  /**
   * @throws InvalidPayloadError, PayloadTooLargeError at once, before it sends anything
   */
  readonly send: Send
  #isOpen = false

  constructor(broker: Broker, send: Send) {
    this.#broker = broker
    this.send = send
  }

  /** Like `send`, but every error is a rejection. */
  async post(to: string, payload: unknown, headers: Headers): Promise<void> {
    await this.send(to, payload, headers)
  }

  /** Call it before the first message goes out, so that the answer has a receiver. A second call does nothing. */
  open(reader: InboxReader): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#broker.consume(inboxRequest(this.address), {
      next: message => {
        reader.read(message)
        message.ack()
      },
      lapsed: () => reader.lapsed?.(),
      error: error => reader.ended(error),
      complete: () => reader.ended(undefined),
    })
  }
}

/** A subscription to messages for a bus. One attempt each, because the sender learns of a failure. */
export function inboxRequest(topic: string): SubscriptionRequest {
  return {
    pattern: topic,
    ordered: false,
    prefetch: 4_096,
    attempts: 1,
    delay: 0,
    ackTimeout: 0,
    maxPending: 100_000,
    maxPendingBytes: DEFAULT_PENDING_BYTES,
    overflow: 'pause',
  }
}

/** Whether it takes messages for the bus itself, not for an app. */
export function isReplyInbox({ pattern, name }: SubscriptionRequest): boolean {
  return name === undefined && typeof pattern === 'string' && pattern.startsWith(REPLIES)
}

/** The address whose bus is gone, if this message is the van's notice of one. */
export function goneFrom({ headers }: Message): string | undefined {
  return headers[GONE]
}

/** The van's notice to the sender of a message to an address without a bus. Undefined if the message has no sender. */
export function goneNotice(topic: string, headers: Headers): { to: string; headers: Headers } | undefined {
  const { [FROM]: to } = headers
  return to === undefined ? undefined : { to, headers: { [GONE]: topic } }
}
