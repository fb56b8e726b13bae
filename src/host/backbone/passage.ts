import type { Consumer, Membership } from '../../bus/broker.js'
import { inBytes } from '../../message/payload.js'
import type { Envelope } from '../../message/envelope.js'
import { Message } from '../../message/message.js'
import { isForGood } from '../../client/connection.js'
import { ClosedError, describe, MsgvanError, SessionLostError } from '../../errors.js'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface PassageMeans {
  /** Passes it on; undefined while there is no room. */
  readonly send: (envelope: Envelope) => Promise<void> | undefined
  /** Somebody beyond still wants such. */
  readonly isWanted: (topic: string) => boolean
  /** Nobody beyond wants it any more. */
  readonly unwanted: (envelope: Envelope) => void
  readonly warn: (text: string) => void
}

/** Hands what a relay has to the leader, and settles it as the leader takes it over. */
export class Passage implements Consumer {
  readonly passesOn = true
  /** The relay's own. */
  membership: Membership | undefined
  readonly #means: PassageMeans
  /** Publishers that wait for the leader too, by the id of their message: the one that waited is another object by its turn. */
  readonly #waiting = new Map<string, Waiting>()
  #isShut = true
  #isFull = false

  constructor(means: PassageMeans) {
    this.#means = means
  }

  get isBusy(): boolean {
    return this.#isShut || this.#isFull
  }

  /** Resolves when the leader has it, or is gone; rejects if the leader refuses it. */
  await(envelope: Envelope): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(envelope.id, { resolve, reject })
    })
  }

  forget(envelope: Envelope): void {
    this.#waiting.delete(envelope.id)
  }

  /** The leader can be reached. */
  open(): void {
    this.#isShut = false
    this.#isFull = false
    this.membership?.wake()
  }

  /** It cannot: this host alone keeps what it has taken over. */
  shut(): void {
    this.#isShut = true
    this.membership?.pause()
    for (const { resolve } of this.#waiting.values()) resolve()
    this.#waiting.clear()
  }

  next(message: Message): void {
    const envelope = Message.envelopeOf(message)
    if (!this.#means.isWanted(envelope.topic)) {
      this.#taken(message, envelope)
      return this.#means.unwanted(envelope)
    }
    const sent = this.#means.send(inBytes(envelope))
    if (sent === undefined) {
      this.#isFull = true
      this.membership?.release(message, true)
      return
    }
    sent.then(
      () => this.#taken(message, envelope),
      (error: unknown) => this.#refused(message, envelope, error),
    )
  }

  error(): void {
    this.shut()
  }

  complete(): void {
    this.shut()
  }

  #taken(message: Message, envelope: Envelope): void {
    message.ack()
    const key = envelope.id
    this.#waiting.get(key)?.resolve()
    this.#waiting.delete(key)
    this.#roomAgain()
  }

  #refused(message: Message, envelope: Envelope, error: unknown): void {
    // Not this message is refused, but this host, or its session is lost: it may be let in later.
    if (error instanceof MsgvanError && (isForGood(error) || isOfSession(error))) {
      this.#isFull = true
      this.membership?.release(message, true)
      return
    }
    message.ack()
    const key = envelope.id
    const publisher = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (publisher === undefined)
      this.#means.warn(`the leader refused a message on ${envelope.topic}: ${describe(error)}`)
    else publisher.reject(error)
    this.#roomAgain()
  }

  #roomAgain(): void {
    if (!this.#isFull || this.#isShut) return
    this.#isFull = false
    this.membership?.wake()
  }
}

function isOfSession(error: MsgvanError): boolean {
  return error instanceof ClosedError || error instanceof SessionLostError
}
