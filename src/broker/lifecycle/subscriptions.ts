import type { Consumer, Membership } from '../../bus/contract/broker.js'
import { areSameRules } from '../../bus/contract/rules.js'
import { isMadeBy, type Sight } from '../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { isReplyInbox } from '../../bus/actors/reply-inbox.js'
import { ActorStoppedError, MsgvanError } from '../../errors.js'
import type { BrokerCounters } from '../broker-counters.js'
import type { DeadLetterHandler } from '../dead-letters/dead-letter-handler.js'
import { noStoreHere } from '../refusals.js'
import type { Dispatcher } from '../routing/dispatcher.js'
import type { Item } from '../subscription/backlog/item.js'
import { Member } from '../subscription/member.js'
import { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'
import { applyRequestRules } from './apply-request-rules.js'
import type { Endings } from './endings.js'
import type { Lifetime } from './lifetime.js'
import type { Registry } from './registry.js'

export interface SubscriptionsOptions {
  readonly registry: Registry
  readonly owner: SubscriptionOwner<Subscription>
  readonly dispatcher: Dispatcher
  readonly deadLetters: DeadLetterHandler
  readonly endings: Endings
  readonly counters: BrokerCounters
  readonly lifetime: Lifetime
  readonly hasStore: boolean
}

/** Begins and ends the subscriptions of a broker. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions

  constructor(options: SubscriptionsOptions) {
    this.#options = options
  }

  /** Joins the subscription of that name, or a new one. The consumer gets a refusal as an error. */
  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const subscription = this.#subscriptionFor(request, consumer)
    if (subscription === undefined) {
      // A member outside of all subscriptions, whose `leave` does nothing.
      const nowhere = new Member(new Subscription('nowhere', request, this.#options.owner), consumer, request)
      nowhere.end()
      return nowhere
    }
    const member = subscription.newMember(consumer, request)
    const { incarnation } = subscription.rules
    if (incarnation !== undefined) consumer.named?.(incarnation)
    subscription.join(member)
    if (request.name !== undefined && !areSameRules(subscription.rules, request))
      consumer.ruled?.(subscription.rules)
    return member
  }

  /**
   * Registers a named subscription without a consumer. It replaces the one of that name: if the pattern differs, that
   * is removed with all its messages; if the pattern is the same, it gets the new rules.
   *
   * @throws InvalidPatternError, UnsupportedError (`from` without a store)
   */
  replace(request: SubscriptionRequest & { readonly name: string }): void {
    const { registry } = this.#options
    this.#checkBeginning(request)
    const before = registry.byName(request.name)
    if (before !== undefined && !before.hasPattern(request.pattern)) {
      // Refuse before anything is removed.
      registry.checkMatchable(request.pattern)
      this.remove(before, true)
    }
    registry.open(request).rules = request
  }

  /** The rules of the named subscriptions, without `from`: they have begun. */
  named(): (SubscriptionRequest & { readonly name: string })[] {
    return this.#options.registry.all().flatMap(({ rules }) => {
      const { name } = rules
      return name === undefined ? [] : [{ ...rules, name, from: undefined }]
    })
  }

  /** What a principal of another host may see has changed. @param principal of that host, if it has one */
  renewSight(sight: Sight, principal: string | undefined): void {
    for (const subscription of this.#options.registry.all())
      if (isMadeBy(subscription.rules, sight.owner, principal)) subscription.renewSight(sight)
  }

  remove(subscription: Subscription, completeMembers: boolean): Item[] {
    this.#unlist(subscription)
    return subscription.end(completeMembers)
  }

  /**
   * Removes a named subscription, and gives up its messages step by step. With a store this continues after this
   * process.
   *
   * @param reason the text of their ActorStoppedError
   * @param delay milliseconds before the first step
   * @returns resolves when nothing is pending there any more; deliveries in hand may still come back
   */
  retire(name: string, reason: string, delay = 0): Promise<void> {
    const subscription = this.#options.registry.byName(name)
    if (subscription === undefined) return Promise.resolve()
    this.#unlist(subscription)
    subscription.endKept?.(reason)
    return this.giveUpAll(subscription, reason, delay)
  }

  giveUpAll(subscription: Subscription, reason: string, delay: number): Promise<void> {
    const error = new ActorStoppedError(reason)
    subscription.retire(item => {
      this.giveUp(subscription.key, item, error)
      subscription.gone?.(item)
    })
    return this.#options.endings.begin(subscription, delay)
  }

  /** Makes a message that no consumer will take a dead letter of that name, unless `takeBack` accepts it. */
  giveUp(key: string, item: Item, error: MsgvanError): void {
    const { deadLetters, counters } = this.#options
    if (deadLetters.addDeadLetter(key, item, error)) counters.past.deadLettered += 1
  }

  #unlist(subscription: Subscription): void {
    const { registry, dispatcher, counters } = this.#options
    registry.remove(subscription)
    dispatcher.forget(subscription)
    subscription.countInto(counters.past)
  }

  #checkBeginning(request: SubscriptionRequest): void {
    const { lifetime, hasStore } = this.#options
    const mayFinish = !lifetime.refuses && isReplyInbox(request)
    if (!mayFinish) lifetime.checkOpen()
    if (request.from !== undefined && !hasStore) throw noStoreHere()
  }

  /** Undefined after a refusal, which the consumer gets. */
  #subscriptionFor(request: SubscriptionRequest, consumer: Consumer): Subscription | undefined {
    const { registry } = this.#options
    try {
      this.#checkBeginning(request)
      const { name } = request
      const before = name === undefined ? undefined : registry.byName(name)
      const subscription = registry.open(request)
      if (subscription === before) applyRequestRules(subscription, request)
      return subscription
    } catch (error) {
      if (!(error instanceof MsgvanError)) throw error
      consumer.error(error)
      return undefined
    }
  }
}
