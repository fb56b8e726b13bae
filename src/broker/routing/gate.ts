import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import { HeldBack } from '../subscription/backlog/held-back.js'
import type { HostRef } from '../../bus/contract/hosts.js'
import type { Pause } from '../subscription/backlog/pause.js'
import { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'

const rules: Omit<SubscriptionRequest, 'pattern'> = {
  ordered: false,
  prefetch: 1,
  attempts: 1,
  delay: 0,
  ackTimeout: 0,
  maxPending: 1,
  maxPendingBytes: 1,
  overflow: 'pause',
}

/**
 * Stands for a full subscription of another host, among the targets of publishes here: it holds back the promises of
 * their publishers. The messages themselves go there by the relay, like all others.
 */
export class Gate extends Subscription {
  readonly #waiting = new HeldBack()

  constructor(
    pattern: RegExp | string,
    readonly relay: HostRef,
    owner: SubscriptionOwner<Subscription>,
  ) {
    super('', { pattern, ...rules }, owner)
  }

  override get isStraight(): boolean {
    return false
  }

  override get isFull(): boolean {
    return true
  }

  override get held(): number {
    return this.#waiting.count
  }

  override get heldBytes(): number {
    return this.#waiting.bytes
  }

  override take(envelope: Envelope, pause?: Pause): void {
    if (pause !== undefined) this.#waiting.add(envelope.size, pause)
  }

  /** The subscription has room again, or is gone. */
  open(): void {
    this.#waiting.letAllIn()
  }

  override refuseHeld(error: Error): void {
    this.#waiting.refuse(error)
  }
}
