import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import { inBytes } from '../../../message/envelope-body.js'
import { RepeatedEnvelope, type Envelope } from '../../../message/envelope.js'
import { Message } from '../../../message/message.js'
import { RefusedForNow, type ForwardedMessage, type RefusedForNowOptions } from './refused-for-now.js'
import { mayPass } from '../may-pass.js'
import { isForGood } from '../../../client/connection/connection.js'
import type { PublishPromise } from '../../../client/outbox/publish-promise.js'
import { ClosedError, ForbiddenError, MsgvanError, SessionLostError } from '../../../errors.js'

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export interface LeaderForwarderOptions extends Omit<RefusedForNowOptions, 'due'> {
  /** Passes it on; undefined while there is no room. */
  readonly send: (envelope: Envelope) => PublishPromise | undefined
  /** Another host still wants such messages. */
  readonly isWanted: (topic: string) => boolean
  /** No other host wants it any more. */
  readonly unwanted: (envelope: Envelope) => void
  /** The leader never takes it, and its publisher does not wait any more. */
  readonly lost: (envelope: Envelope, error: unknown) => void
}

/** Hands a relay's messages to the leader, and settles them as the leader accepts them. */
export class LeaderForwarder implements Consumer {
  readonly passesOn = true
  /** The relay's own. */
  membership: Membership | undefined
  readonly #options: LeaderForwarderOptions
  /** Publishers that wait for the leader too, by the id of their message: the message is another object by its turn. */
  readonly #waiting = new Map<string, Waiting>()
  /**
   * Messages that a former leader may have lost, in their order: they go before all others. A message that overtook
   * another one of its publisher and topic would make that one look like a repetition.
   */
  readonly #again: ForwardedMessage[] = []
  readonly #refusedForNow: RefusedForNow
  #lastOrder = 0
  #isShut = true
  #isFull = false

  constructor(options: LeaderForwarderOptions) {
    this.#options = options
    this.#refusedForNow = new RefusedForNow({ ...options, due: () => this.#retry() })
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

  /** Messages of a former leader, which the next one is owed. */
  get again(): readonly Envelope[] {
    return this.#inOrder()
      .filter(({ message }) => message === undefined)
      .map(({ envelope }) => envelope)
  }

  /** The messages of another process. */
  owes(again: Iterable<Envelope>): void {
    for (const envelope of again) this.#again.push({ order: 0, envelope, message: undefined })
  }

  forget(envelope: Envelope): void {
    this.#waiting.delete(envelope.id)
  }

  /** The leader can be reached. */
  open(): void {
    this.#retryNothing()
    this.#isShut = false
    this.#isFull = false
    if (this.#sendAgain()) this.membership?.wake()
  }

  /** The leader cannot be reached: only this host keeps the messages that it has accepted. */
  shut(): void {
    this.#isShut = true
    this.membership?.pause()
    this.#retryNothing()
    this.#refusedForNow.forgetLeader()
    this.#owesAlone()
  }

  /** No publisher waits for the leader any longer. */
  #owesAlone(): void {
    for (const { resolve } of this.#waiting.values()) resolve()
    this.#waiting.clear()
  }

  next(message: Message): void {
    const envelope = Message.envelopeOf(message)
    if (!this.#options.isWanted(envelope.topic)) {
      this.#taken(message, envelope)
      return this.#options.unwanted(envelope)
    }
    const refused = this.#again.length > 0 ? undefined : this.#refusedForNow.before(envelope)
    if (refused !== undefined) return this.#refused(this.#forwarded(envelope, message), refused.error)
    const sent = this.#again.length > 0 ? undefined : this.#send(envelope, message.redelivered)
    if (sent === undefined) {
      this.#isFull = true
      this.membership?.release(message, true)
      return
    }
    this.#follow(sent, this.#forwarded(envelope, message))
  }

  #forwarded(envelope: Envelope, message: Message): ForwardedMessage {
    this.#lastOrder += 1
    return { order: this.#lastOrder, envelope, message }
  }

  #follow(sent: PublishPromise, forwarded: ForwardedMessage): void {
    const { envelope } = forwarded
    sent.whenHeld = () => {
      // The leader has it now: one full subscription must not block the way of all the others.
      forwarded.message?.ack()
      forwarded.message = undefined
      this.#roomAgain()
    }
    sent.then(
      () => this.#taken(forwarded.message, envelope),
      (error: unknown) => this.#refused(forwarded, error),
    )
  }

  error(): void {
    this.shut()
  }

  complete(): void {
    this.shut()
  }

  /**
   * @param mayHaveCome a former leader may have handed it out
   */
  #send(envelope: Envelope, mayHaveCome: boolean): PublishPromise | undefined {
    const bytes = inBytes(envelope)
    return this.#options.send(mayHaveCome ? bytes.as(RepeatedEnvelope) : bytes)
  }

  /**
   * The next leader is owed all messages that the last one held, or had not accepted yet.
   *
   * @returns whether there was room for all
   */
  #sendAgain(): boolean {
    for (let next = this.#again[0]; next !== undefined; next = this.#again[0]) {
      if (this.#isShut) return false
      const { envelope, message } = next
      if (!this.#options.isWanted(envelope.topic)) {
        this.#again.shift()
        this.#taken(message, envelope)
        if (message !== undefined) this.#options.unwanted(envelope)
        continue
      }
      const sent = this.#send(envelope, true)
      if (sent === undefined) {
        this.#isFull = true
        return false
      }
      this.#again.shift()
      this.#follow(sent, next)
    }
    return true
  }

  #taken(message: Message | undefined, envelope: Envelope): void {
    this.#refusedForNow.taken(envelope)
    message?.ack()
    const key = envelope.id
    this.#waiting.get(key)?.resolve()
    this.#waiting.delete(key)
    this.#roomAgain()
  }

  #refused(forwarded: ForwardedMessage, error: unknown): void {
    const { envelope, message } = forwarded
    // The leader refuses this host, not this message, or its session is lost: it may be let in later.
    if (error instanceof MsgvanError && (this.#isOfHost(error) || isOfSession(error))) {
      const later = this.#again.findIndex(({ order }) => order > forwarded.order)
      this.#again.splice(later < 0 ? this.#again.length : later, 0, forwarded)
      this.#isFull = true
      return
    }
    const key = envelope.id
    const publisher = this.#waiting.get(key)
    this.#waiting.delete(key)
    if (publisher === undefined && mayPass(error)) return this.#keep(forwarded, error)
    message?.ack()
    if (publisher === undefined) this.#options.lost(envelope, error)
    else publisher.reject(error)
    this.#roomAgain()
  }

  /** A leader that has let this host in may still forbid single messages. */
  #isOfHost(error: MsgvanError): boolean {
    return isForGood(error) && (this.#isShut || !(error instanceof ForbiddenError))
  }

  /** Its publisher relies on this host: it is sent again later. */
  #keep(forwarded: ForwardedMessage, error: unknown): void {
    this.#refusedForNow.add(forwarded, error)
    if (!this.#isShut) this.#refusedForNow.retryLater(error)
    this.#roomAgain()
  }

  #retry(): void {
    this.#retryNothing()
    // Messages behind it may have to wait for long: this host owes those, too.
    this.#owesAlone()
    this.#isFull = true
    this.#roomAgain()
  }

  /** All of them share one queue again. */
  #retryNothing(): void {
    this.#again.splice(0, Infinity, ...this.#inOrder())
    this.#refusedForNow.clear()
  }

  #inOrder(): readonly ForwardedMessage[] {
    if (this.#refusedForNow.isEmpty) return [...this.#again]
    return [...this.#refusedForNow.all(), ...this.#again].sort((one, other) => one.order - other.order)
  }

  #roomAgain(): void {
    if (!this.#isFull || this.#isShut) return
    if (!this.#sendAgain()) return
    this.#isFull = false
    this.membership?.wake()
  }
}

function isOfSession(error: MsgvanError): boolean {
  return error instanceof ClosedError || error instanceof SessionLostError
}
