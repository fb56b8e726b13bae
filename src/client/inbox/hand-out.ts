import type { Consumer } from '../../bus/contract/broker.js'
import { Message } from '../../message/message.js'
import { Questions } from '../calls/questions.js'
import { numberOf } from './delivery-number.js'
import { InboxQueue } from './inbox-queue.js'
import type { UnsettledDeliveries } from './unsettled-deliveries.js'

enum State {
  Attached,
  Suspended,
  /** The consumer gets nothing more, and can settle the deliveries that it has. */
  Left,
}

export interface HandOutOwner {
  /** Notices a standstill of this process. */
  look(): void
  /** Sends verdicts now, and calls `proceed` and `pump` when they have left this process. */
  pumpAfterSending(): void
}

/** Hands the deliveries of one subscription to its consumer, in order and one at a time. */
export class HandOut {
  readonly queue = new InboxQueue()
  /** Questions to the host. The consumer pauses until the host has answered them. */
  readonly questions = new Questions()
  readonly #unsettled: UnsettledDeliveries
  readonly #owner: HandOutOwner
  #consumer: Consumer
  #state = State.Attached
  #last = 0
  /** A delivery that the host hears of before the consumer gets it; 0: none. */
  #announced = 0
  #isSending = false
  #isStopped = false

  constructor(consumer: Consumer, unsettled: UnsettledDeliveries, owner: HandOutOwner) {
    this.#consumer = consumer
    this.#unsettled = unsettled
    this.#owner = owner
  }

  get consumer(): Consumer {
    return this.#consumer
  }

  get isAttached(): boolean {
    return this.#state === State.Attached
  }

  /** Whether the consumer gets nothing more. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  get hasLeft(): boolean {
    return this.#state === State.Left
  }

  /** The last delivery that the consumer got. */
  get last(): number {
    return this.#last
  }

  /** The host counts deliveries up to this one as handed out. */
  get reached(): number {
    return Math.max(this.#unsettled.lastBegun, this.#announced)
  }

  suspend(): void {
    if (this.#state === State.Attached) this.#state = State.Suspended
  }

  /** For good, also if its pipeline comes back. */
  stop(): void {
    this.#isStopped = true
  }

  resume(consumer: Consumer): void {
    this.#state = State.Attached
    this.#consumer = consumer
  }

  leave(): void {
    this.#state = State.Left
  }

  /** Hands out the queue. Never called from inside a `next`. */
  pump(): void {
    while (this.#mayHandOut) {
      const message = this.queue.first
      if (message === undefined) return
      // The `next` before may have taken very long.
      if (this.#unsettled.isTimed) {
        this.#owner.look()
        if (!this.questions.isNone) return
      }
      // Alone in its turn, and announced to the host before and after: if it kills its consumers, the host blames no
      // other message.
      const number = numberOf(message) as number
      const isSuspect = message.redelivered && this.#consumer.passesOn !== true
      if (isSuspect && this.#announced !== number) return this.#announce(number)
      this.queue.shift()
      this.#hand(message, number)
      if (isSuspect) this.#announce(0)
    }
  }

  /** The announcement is on its way. */
  proceed(): void {
    this.#isSending = false
  }

  /** The session is lost, and all its deliveries with it. */
  reset(): void {
    for (const message of this.queue.clear()) Message.tag(message, undefined)
    this.#announced = 0
    this.#last = 0
    this.questions.clear()
  }

  get #mayHandOut(): boolean {
    return (
      this.#state === State.Attached &&
      !this.#isStopped &&
      this.questions.isNone &&
      !this.#isSending &&
      (this.#consumer.isBusy !== true || (this.queue.isFirstBrought && this.#consumer.takesBack === true))
    )
  }

  #announce(number: number): void {
    this.#announced = number
    this.#isSending = true
    this.#owner.pumpAfterSending()
  }

  #hand(message: Message, number: number): void {
    this.#last = Math.max(this.#last, number)
    this.#unsettled.enter(message)
    try {
      if (Message.isClosed(message) && this.#consumer.passesOn !== true) Message.open(message)
      this.#consumer.next(message)
    } catch (error) {
      Message.settlerOf(message).fail(message, error)
    }
    const isOpen = this.#unsettled.exit(message)
    // An operator that claimed it calls `begin` when its turn comes.
    if (isOpen && !Message.isClaimed(message) && this.#consumer.passesOn !== true)
      Message.settlerOf(message).begin(message)
  }
}
