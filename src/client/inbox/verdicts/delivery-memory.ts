import { Message } from '../../../message/message.js'
import { MOST_VERDICTS, type KeptVerdict } from '../../../wire/frames/kept-verdicts.js'
import { Unconfirmed, type Failing } from './unconfirmed.js'

/** With more ids than this it forgets the older half. */
const MOST_SEEN = 2 * MOST_VERDICTS

/**
 * This process's record of a subscription's deliveries, for the next session. All subscriptions under one name share
 * one memory: `retry()` leaves the name and joins it again, and must not lose its earlier verdicts.
 */
export class DeliveryMemory {
  /** The incarnation of the name. Undefined: not known yet, or without a name. */
  incarnation: string | undefined
  readonly #unconfirmed = new Unconfirmed()
  /** Verdicts of lost sessions. */
  #kept: KeptVerdict[] = []
  /** The subscription that gave them to the host of this session. */
  #giver: number | undefined
  /** Ids of messages that an app had and did not settle. If they come again, they were handed out before. */
  #seen = new Set<string>()
  /** The older half of `#seen`. */
  #seenEarlier = new Set<string>()

  /** Nothing of it matters to the next session. */
  get isEmpty(): boolean {
    return (
      this.#kept.length === 0 &&
      this.#seen.size === 0 &&
      this.#seenEarlier.size === 0 &&
      this.#unconfirmed.isEmpty
    )
  }

  settled(message: Message, failing?: Failing): void {
    this.#unconfirmed.add(message, failing)
  }

  /** Everything so far is in this frame. */
  sent(frame: number): void {
    this.#unconfirmed.sent(frame)
  }

  /**
   * The host has handled all frames up to this one, and will not forget them: the verdicts from before are on its disk
   * too.
   */
  confirmed(frame: number): void {
    if (this.#unconfirmed.confirmed(frame) > 0) this.#kept = []
  }

  /** The verdicts that this subscription has to give to the host of this session. Only one subscription gives them. */
  keptFor(subscription: number): readonly KeptVerdict[] {
    if (this.#kept.length === 0) return this.#kept
    this.#giver ??= subscription
    return this.#giver === subscription ? this.#kept : []
  }

  /** The host refused the subscription, so another one has to give them. */
  refused(subscription: number): void {
    if (this.#giver === subscription) this.#giver = undefined
  }

  /** The app had it, and it goes back to the host without a verdict. */
  saw(message: Message): void {
    if (this.#seen.size >= MOST_SEEN) {
      this.#seenEarlier = this.#seen
      this.#seen = new Set()
    }
    this.#seen.add(Message.envelopeOf(message).id)
  }

  /** Called at a delivery. @returns whether the app had it before */
  comesAgain(message: { readonly id: string }): boolean {
    if (this.#seen.size === 0 && this.#seenEarlier.size === 0) return false
    const { id } = message
    return this.#seen.delete(id) || this.#seenEarlier.delete(id)
  }

  /** Verdicts that the host did not confirm are kept. Call it again: it does nothing more. */
  sessionLost(): void {
    this.#giver = undefined
    const all = [...this.#kept, ...this.#unconfirmed.take()]
    this.#kept = all.slice(-MOST_VERDICTS)
  }
}
