import type { Consumer, Membership } from '../../bus/broker.js'
import { inBytes } from '../../message/payload.js'
import { RepeatedEnvelope, type Envelope } from '../../message/envelope.js'
import { Message } from '../../message/message.js'
import { isForGood } from '../../client/connection.js'
import type { PublishPromise } from '../../client/publish-promise.js'
import { ClosedError, describe, MsgvanError, SessionLostError } from '../../errors.js'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface PassageMeans {
  /** Passes it on; undefined while there is no room. */
  readonly send: (envelope: Envelope) => PublishPromise | undefined
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
  /** By id: the leader has these, and one of its subscriptions is full: their publishers wait. */
  readonly #held = new Set<string>()
  /** Of these, those that a leader which is gone has lost. */
  #again: Envelope[] = []
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

  /** What a leader that is gone held, and the next one is owed. */
  get again(): readonly Envelope[] {
    return this.#again
  }

  /** Another process had come so far. */
  owes(again: Iterable<Envelope>): void {
    this.#again.push(...again)
  }

  forget(envelope: Envelope): void {
    this.#waiting.delete(envelope.id)
  }

  /** The leader can be reached. */
  open(): void {
    this.#isShut = false
    this.#isFull = false
    this.#sendAgain()
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
    const bytes = inBytes(envelope)
    // A leader that is gone may have handed it out.
    const sent = this.#means.send(message.redelivered ? RepeatedEnvelope.of(bytes) : bytes)
    if (sent === undefined) {
      this.#isFull = true
      this.membership?.release(message, true)
      return
    }
    sent.whenHeld = () => {
      // It is the leader's by now: one full subscription must not take the way of all the others.
      message.ack()
      this.#held.add(envelope.id)
      this.#roomAgain()
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

  /** What the leader before held is owed by the next one. */
  #sendAgain(): void {
    const again = this.#again
    this.#again = []
    for (const envelope of again) {
      if (!this.#means.isWanted(envelope.topic)) {
        this.#taken(undefined, envelope)
        continue
      }
      const sent = this.#isShut ? undefined : this.#means.send(RepeatedEnvelope.of(inBytes(envelope)))
      if (sent === undefined) {
        this.#again.push(envelope)
        continue
      }
      this.#held.add(envelope.id)
      sent.then(
        () => this.#taken(undefined, envelope),
        (error: unknown) => this.#refused(undefined, envelope, error),
      )
    }
  }

  #taken(message: Message | undefined, envelope: Envelope): void {
    message?.ack()
    const key = envelope.id
    this.#held.delete(key)
    this.#waiting.get(key)?.resolve()
    this.#waiting.delete(key)
    this.#roomAgain()
  }

  #refused(message: Message | undefined, envelope: Envelope, error: unknown): void {
    const wasHeld = this.#held.delete(envelope.id)
    // Not this message is refused, but this host, or its session is lost: it may be let in later.
    if (error instanceof MsgvanError && (isForGood(error) || isOfSession(error))) {
      if (wasHeld || message === undefined) {
        this.#again.push(envelope)
        return
      }
      this.#isFull = true
      this.membership?.release(message, !isOfSession(error))
      return
    }
    message?.ack()
    const key = envelope.id
    const publisher = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (publisher === undefined)
      this.#means.warn(`the leader refused a message on ${envelope.topic}: ${describe(error)}`)
    else publisher.reject(error)
    this.#roomAgain()
  }

  #roomAgain(): void {
    if (this.#again.length > 0 && !this.#isShut) this.#sendAgain()
    if (!this.#isFull || this.#isShut) return
    this.#isFull = false
    this.membership?.wake()
  }
}

function isOfSession(error: MsgvanError): boolean {
  return error instanceof ClosedError || error instanceof SessionLostError
}
