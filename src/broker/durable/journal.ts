import type { Envelope } from '../../message/envelope.js'
import type { DurableLog } from './durable-log.js'
import { StoredEnvelope } from './stored-envelope.js'
import { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'

/** Every topic but the system's. */
const EVERYTHING = /^/

/** What a log takes: all that is published, and actors' mail. */
export const KEPT_TOPICS: readonly RegExp[] = [EVERYTHING, /^\$actor\//]

/**
 * The first target of every topic in a broker that keeps what it owes: whatever is taken over goes to the log before it goes
 * anywhere else. Being a target like others, it costs a broker without a store nothing.
 */
export class Journal extends Subscription {
  readonly #keeper: DurableLog

  constructor(owner: SubscriptionOwner<Subscription>, keeper: DurableLog) {
    const none = {
      ordered: false,
      prefetch: 1,
      attempts: 1,
      delay: 0,
      ackTimeout: 0,
      maxPending: Infinity,
      maxPendingBytes: Infinity,
    }
    super('journal', { pattern: EVERYTHING, overflow: 'pause', ...none }, owner)
    this.#keeper = keeper
  }

  override get isStraight(): boolean {
    return false
  }

  override get isFull(): boolean {
    return false
  }

  override take(envelope: Envelope): void {
    if (envelope instanceof StoredEnvelope) this.#keeper.append(envelope)
  }
}
