import type { Envelope } from '../../message/envelope.js'
import type { DurableLog } from './durable-log.js'
import { StoredEnvelope } from './stored-envelope.js'
import type { PatternTable } from '../patterns/pattern-table.js'
import { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'

/** Every topic except system topics. */
const EVERYTHING = /^/

/** The log has every message of apps, and actors' mail. */
const KEPT_TOPICS: readonly RegExp[] = [EVERYTHING, /^\$actor\//]

/** Adds the journal to every topic that the log has, before any other subscription. @returns undefined without a store */
export function openJournal(
  owner: SubscriptionOwner<Subscription>,
  routes: PatternTable<Subscription>,
  durableLog: DurableLog | undefined,
): Journal | undefined {
  if (durableLog === undefined) return undefined
  const journal = new Journal(owner, durableLog)
  for (const pattern of KEPT_TOPICS) routes.add(pattern, journal)
  return journal
}

/**
 * The first target of every topic in a broker with a store: each message goes to the log before it goes anywhere else.
 * Because it is a target like others, it costs a broker without a store nothing.
 */
export class Journal extends Subscription {
  readonly #durableLog: DurableLog

  constructor(owner: SubscriptionOwner<Subscription>, durableLog: DurableLog) {
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
    this.#durableLog = durableLog
  }

  override get isStraight(): boolean {
    return false
  }

  override get isFull(): boolean {
    return false
  }

  override take(envelope: Envelope): void {
    if (envelope instanceof StoredEnvelope) this.#durableLog.append(envelope)
  }
}
