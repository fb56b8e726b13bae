import type { RetryRule } from '../../message/message.js'
import { retryDelayAfter } from '../../message/retry-delay.js'
import { ExpiredError } from '../../errors.js'
import { expiryOf } from '../delayed/expiry.js'
import type { Envelope } from '../../message/envelope.js'
import { Item } from './backlog/item.js'
import type { Pause } from './backlog/pause.js'
import { RetryQueue } from './backlog/retry-queue.js'
import { bar } from './key-order.js'
import type { SubscriptionCore } from './subscription-core.js'
import type { SubscriptionOwner } from './subscription-owner.js'

/** A message that no consumer here may see is looked at again after this long. */
const SET_ASIDE_MS = 1_000
/** After so many failures without a delay a message waits for a timer, so that the rest of the process has a turn. */
const TURN_AFTER = 100
/** The shortest wait of a timer. */
const TURN_MS = 1

/** Decides about messages that come back from a consumer: another attempt, or a dead letter. */
export class Redelivery<S extends SubscriptionCore> {
  readonly #subscription: S
  readonly #owner: SubscriptionOwner<S>

  constructor(subscription: S, owner: SubscriptionOwner<S>) {
    this.#subscription = subscription
    this.#owner = owner
  }

  failed(item: Item, error: unknown, retry: RetryRule | undefined): void {
    const subscription = this.#subscription
    this.#countFailure(item)
    if (subscription.hasEnded) return subscription.tooLate([item])
    const { rules, backlog } = subscription
    if (retry?.attempts !== undefined) item.attempts = retry.attempts
    if (item.failures >= (item.attempts ?? rules.attempts)) return this.#addDeadLetter(item, error)
    const delay =
      retry?.delay ??
      retryDelayAfter(rules.delay, error, item.failures, mistake => this.#owner.report?.(mistake))
    const needsTurn = delay <= 0 && item.failures % TURN_AFTER === 0
    item.isDueAtOnce = delay <= 0 && !needsTurn
    if (item.isDueAtOnce) backlog.restore(item)
    else this.retryAfter(item, needsTurn ? TURN_MS : delay)
    backlog.release(item.envelope)
    subscription.wake()
  }

  /** Its time to live has ended before it was handed out. That is no failure. */
  expired(item: Item): void {
    const subscription = this.#subscription
    subscription.changed()
    if (subscription.rules.expired !== 'drop') {
      const expires = new Date(expiryOf(item.envelope.headers) ?? 0).toISOString()
      return this.#addDeadLetter(
        item,
        new ExpiredError(`Its ttl ended at ${expires}, before it was handed out.`),
        0,
      )
    }
    subscription.count('dropped')
    bar(subscription, item)
  }

  /** Its time to live has ended before it came here. */
  expiredAtOnce(envelope: Envelope, pause: Pause | undefined): void {
    this.expired(new Item(envelope, this.#subscription.backlog.nextOrder++))
    pause?.taken()
  }

  rejected(item: Item, reason: unknown): void {
    this.#countFailure(item)
    if (this.#subscription.hasEnded) this.#subscription.tooLate([item])
    else this.#addDeadLetter(item, reason)
  }

  /**
   * A consumer gives these back, which does not count as a failure.
   *
   * @param uncounted it saw none of them, and they come next: as if never delivered
   * @param isAbandoned a loop left it in hand. At some time it is the message that ends its loops
   */
  returned(items: Item[], uncounted: boolean, isAbandoned = false): void {
    const subscription = this.#subscription
    const [first] = items
    if (isAbandoned && first !== undefined) {
      first.abandons += 1
      if (first.abandons > (first.attempts ?? subscription.rules.attempts)) {
        this.rejected(first, 'abandoned')
        return
      }
    }
    this.#settled()
    if (uncounted) {
      for (const item of items) {
        item.deliveries -= 1
        if (item.deliveries > 0) subscription.count('redelivered', -1)
      }
      subscription.count('delivered', -items.length)
    }
    if (subscription.hasEnded) return subscription.tooLate(items)
    subscription.backlog.restoreAll(items)
    if (subscription.backlog.lanes !== undefined)
      for (const { envelope } of items) subscription.backlog.release(envelope)
    subscription.wake()
  }

  /** Tries again in a while: a member may come, or get the right. */
  setAside(item: Item): void {
    this.#subscription.changed()
    this.retryAfter(item, SET_ASIDE_MS)
  }

  /** The message is pending again after this long. */
  retryAfter(item: Item, delay: number): void {
    const { backlog } = this.#subscription
    backlog.retries ??= new RetryQueue(this.#owner, due => {
      this.#subscription.changed()
      backlog.restore(due)
      backlog.release(due.envelope)
      this.#subscription.wake()
    })
    backlog.lanes?.hold(item.envelope)
    backlog.retries.add(item, delay)
  }

  #countFailure(item: Item): void {
    this.#settled()
    this.#subscription.count('failed')
    item.failures += 1
    if (item.firstFailedAt === 0) item.firstFailedAt = this.#owner.now()
  }

  #settled(): void {
    this.#subscription.changed()
    this.#subscription.members.forgetGone()
  }

  /** @param begun 0: no consumer had it */
  #addDeadLetter(item: Item, error: unknown, begun: 0 | 1 = 1): void {
    if (this.#owner.deadLettered(this.#subscription, item, error))
      this.#subscription.counting.deadLettered += 1
    this.#subscription.backlog.release(item.envelope, begun)
    this.#subscription.wake()
  }
}
