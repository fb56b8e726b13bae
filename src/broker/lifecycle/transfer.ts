import type { Consumer, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Counters } from '../../bus/contract/status.js'
import type { BrokerCounters } from '../broker-counters.js'
import { addCounts } from '../counters.js'
import type { DeadLetterHandler } from '../dead-letters/dead-letter-handler.js'
import type { StoredDeadLetter } from '../dead-letters/stored-dead-letter.js'
import type { KeptSubscription } from '../durable/durable-log.js'
import type { Message } from '../../message/message.js'
import { Relay } from '../routing/relay.js'
import type { Relays } from '../routing/relays.js'
import type { Item } from '../subscription/backlog/item.js'
import type { HostRef } from '../../bus/contract/hosts.js'
import { Member } from '../subscription/member.js'
import type { SubscriptionState } from '../subscription/subscription-core.js'
import { Subscription } from '../subscription/subscription.js'
import type { Endings } from './endings.js'
import type { Lifetime } from './lifetime.js'
import type { Registry } from './registry.js'
import type { Subscriptions } from './subscriptions.js'

/** Milliseconds until a restored ending continues, so that clients are back and learn of it. */
const RESUMED_AFTER_MS = 3_000

export interface TransferOptions {
  readonly registry: Registry
  readonly subscriptions: Subscriptions
  readonly deadLetters: DeadLetterHandler
  readonly endings: Endings
  readonly relays: Pick<Relays, 'changed'>
  readonly counters: BrokerCounters
  readonly lifetime: Lifetime
}

/** A consumer's place in a subscription of this broker. */
export interface ConsumerPlace {
  readonly subscription: object
  readonly pattern: RegExp | string
  readonly prefetch: number
  /** Opens a delivery again that the consumer had in another process. */
  holds(item: Item): Message
}

/** Moves the contents of a broker from one process to the next: out of a store, or by a hand-over. */
export class Transfer {
  readonly #options: TransferOptions

  constructor(options: TransferOptions) {
    this.#options = options
  }

  /** Restores the contents of a store. Call it before anything else. */
  restore(subscriptions: Iterable<KeptSubscription>, letters: Iterable<StoredDeadLetter>): void {
    const { registry, deadLetters, subscriptions: own } = this.#options
    const all = [...subscriptions]
    const stored = [...letters]
    for (const { id } of all) if (id !== undefined) registry.reserve(id)
    for (const { letter } of stored) registry.reserve(letter.subscription)
    deadLetters.restore(stored)
    for (const kept of all) {
      const { ending, request } = kept
      if (ending === undefined) registry.restore(kept)
      else void own.giveUpAll(registry.create(request, kept), ending, RESUMED_AFTER_MS)
    }
  }

  /**
   * Ends restored unnamed subscriptions whose clients have not come back in time.
   *
   * @param isAwaited the client is connected, and may ask for its own
   * @returns whether some are left for such clients
   */
  endOrphans(isAwaited: (client: string) => boolean): boolean {
    const { registry, subscriptions } = this.#options
    for (const orphan of registry.takeOrphans(isAwaited)) subscriptions.remove(orphan, true)
    return registry.hasOrphans
  }

  /** Whether a restored unnamed subscription waits for this session. */
  awaits(session: string): boolean {
    return this.#options.registry.awaits(session)
  }

  /** The durable log ends: its subscriptions hand out nothing more. */
  logEnds(): void {
    const { registry, relays } = this.#options
    for (const subscription of registry.all()) subscription.changed()
    relays.changed()
  }

  /** All subscriptions, for another process. */
  subscriptions(): readonly Subscription[] {
    return this.#options.registry.all()
  }

  /** Finishes all endings at once, so that another process need not. */
  finishEndings(): void {
    this.#options.endings.finish()
  }

  /** Takes in the dead letters of another process. */
  takeInLetters(letters: Iterable<StoredDeadLetter>): void {
    const { registry, deadLetters } = this.#options
    const all = [...letters]
    for (const { letter } of all) registry.reserve(letter.subscription)
    deadLetters.takeIn(all)
  }

  /** Adds the counts of another process. */
  addCounts(counts: Readonly<Counters>): void {
    addCounts(this.#options.counters.past, counts)
  }

  /**
   * Continues a subscription of another process.
   *
   * @throws NameTakenError, InvalidPatternError
   */
  adopt({ id, rules, ...state }: SubscriptionState): Subscription {
    const { registry, lifetime } = this.#options
    lifetime.checkOpen()
    const known = rules.name === undefined ? undefined : registry.byName(rules.name)
    known?.checkSame(rules)
    if (known !== undefined) known.rules = rules
    const subscription = known ?? registry.adopt(id, rules)
    subscription.resume(state)
    return subscription
  }

  /** Continues a consumer of another process, in its subscription. */
  join(subscription: Subscription, request: SubscriptionRequest, consumer: Consumer): Membership {
    const member = subscription.newMember(consumer, request)
    subscription.join(member)
    return member
  }

  /** The place of a consumer, if it is in this broker. */
  placeOf(membership: Membership): ConsumerPlace | undefined {
    return membership instanceof Member ? membership : undefined
  }

  /** The subscription with the messages for another host. */
  queueOf(host: HostRef): Subscription {
    return Relay.of(host).owed
  }

  /**
   * A consumer of another process continues a membership that waits for it.
   *
   * @returns whether it could: its subscription has not ended, and has this pattern
   */
  resume(member: Membership, request: SubscriptionRequest, consumer: Consumer): boolean {
    if (!(member instanceof Member)) return false
    const { subscription } = member
    if (!(subscription instanceof Subscription) || !this.#options.registry.has(subscription)) return false
    if (!subscription.hasPattern(request.pattern)) return false
    subscription.rules = request
    member.resume(consumer)
    return true
  }

  /** Ends an adopted subscription that got no consumer. */
  discard(subscription: Subscription): void {
    this.#options.subscriptions.remove(subscription, false)
  }
}
