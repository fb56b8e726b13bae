import { newId } from '../../message/new-id.js'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import { isPassing, REPLIES } from '../../message/topic.js'
import type { Broker } from '../contract/broker.js'
import type { SubscriptionRequest } from '../contract/subscription-request.js'
import { DEFAULT_PENDING_BYTES } from '../contract/pending-bytes.js'

/** Headers of letters: whom to answer, and what kind of error it is. */
export const FROM = '$from'
export const CODE = '$code'
/** From the van itself, about an address at which nobody is. */
const GONE = '$gone'

/** How a bus carries letters: to topics of the system's. @throws InvalidPayloadError, PayloadTooLargeError */
export type Send = (topic: string, payload: unknown, headers: Headers) => Promise<void>

export interface LetterReader {
  read(message: Message): void
  /** No letters come any more: the bus was closed, or the van refused. */
  ended(error: MsgvanError | undefined): void
}

/** An address of one bus: a topic that it alone listens on, where letters for it come in order. */
export class ReplyInbox {
  readonly address = REPLIES + newId()
  readonly #broker: Broker
  /** @throws InvalidPayloadError, PayloadTooLargeError at once: nothing was sent, and what comes next may be */
  readonly send: Send
  #isOpen = false

  constructor(broker: Broker, send: Send) {
    this.#broker = broker
    this.send = send
  }

  /** As `send`, with every error as a rejection. */
  async post(to: string, payload: unknown, headers: Headers): Promise<void> {
    await this.send(to, payload, headers)
  }

  /** Before the first letter goes out, so that the answer finds somebody. Once: a second call does nothing. */
  open(reader: LetterReader): void {
    if (this.#isOpen) return
    this.#isOpen = true
    this.#broker.consume(lettersOn(this.address), {
      next: message => {
        reader.read(message)
        message.ack()
      },
      error: error => reader.ended(error),
      complete: () => reader.ended(undefined),
    })
  }
}

/** How a bus takes letters: once each, since who wrote is told of what fails. */
export function lettersOn(topic: string): SubscriptionRequest {
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

/** Whether it is for letters to a bus, not for messages to an app. */
export function isReplyInbox({ pattern, name }: SubscriptionRequest): boolean {
  return name === undefined && typeof pattern === 'string' && isPassing(pattern)
}

/** The address at which nobody is, if this is what the van says. */
export function goneFrom({ headers }: Message): string | undefined {
  return headers[GONE]
}

/** What the van says to who wrote to an address at which nobody is; undefined if the letter does not say who that was. */
export function goneLetter(topic: string, headers: Headers): { to: string; headers: Headers } | undefined {
  const { [FROM]: to } = headers
  return to === undefined ? undefined : { to, headers: { [GONE]: topic } }
}
