import type { Consumer } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import { Message } from '../../message/message.js'
import { Member, type MemberOwner } from '../subscription/member.js'

/** A durable subscription, as its members use it. */
export interface StoredMemberOwner extends MemberOwner {
  /** No delivery can be written any more. */
  readonly isEnding: boolean
  /** A subscriber gets the message now. */
  handed(envelope: Envelope): void
  settled(envelope: Envelope): void
}

/** A member of a durable subscription: its deliveries and acks are entered into the cursor. */
export class StoredMember extends Member {
  readonly #of: StoredMemberOwner

  constructor(subscription: StoredMemberOwner, consumer: Consumer, request: SubscriptionRequest) {
    super(subscription, consumer, request)
    this.#of = subscription
  }

  override get hasCredit(): boolean {
    return !this.#of.isEnding && super.hasCredit
  }

  override get takesBack(): boolean {
    return !this.#of.isEnding && super.takesBack
  }

  override hand(message: Message): void {
    this.#of.handed(Message.envelopeOf(message))
    super.hand(message)
  }

  override ack(message: Message): boolean {
    if (!super.ack(message)) return false
    this.#of.settled(Message.envelopeOf(message))
    return true
  }
}
