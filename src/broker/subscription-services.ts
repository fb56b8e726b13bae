import type { MsgvanError } from '../errors.js'
import type { Unrouted } from '../bus/contract/broker.js'
import type { Reports } from '../bus/reports.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { Envelope, Headers } from '../message/envelope.js'
import { expiryOf } from './delayed/expiry.js'
import { keyReader, type KeyReader } from '../message/order/key-reader.js'
import { isMailTopic, isRequest } from '../message/topic.js'
import type { DrainWaiter } from './lifecycle/drain-waiter.js'
import type { Timers } from './clock/timers.js'
import type { DeadLetterHandler } from './dead-letters/dead-letter-handler.js'
import type { Lifetime } from './lifecycle/lifetime.js'
import type { Registry } from './lifecycle/registry.js'
import type { LocalBrokerOptions } from './local-broker-options.js'
import { slow } from './refusals.js'
import type { Dispatcher } from './routing/dispatcher.js'
import type { MessageFactory } from './routing/message-factory.js'
import type { Item } from './subscription/backlog/item.js'
import type { Pause } from './subscription/backlog/pause.js'
import type { Subscription } from './subscription/subscription.js'
import type { SubscriptionOwner } from './subscription/subscription-owner.js'

/** The parts of a broker that its subscriptions use. */
export interface SubscriptionServicesOptions {
  readonly options: LocalBrokerOptions
  readonly timers: Timers
  readonly messages: MessageFactory
  readonly lifetime: Lifetime
  readonly registry: Registry
  readonly dispatcher: Dispatcher
  readonly deadLetters: DeadLetterHandler
  readonly drainWaiter: DrainWaiter
  readonly reports: Reports
}

/** The broker, as its subscriptions use it. */
export class SubscriptionServices implements SubscriptionOwner<Subscription> {
  readonly #parts: SubscriptionServicesOptions

  constructor(parts: SubscriptionServicesOptions) {
    this.#parts = parts
  }

  get isClosing(): boolean {
    return this.#parts.lifetime.isClosed
  }

  after(delay: number, run: () => void): () => void {
    return this.#parts.timers.after(delay, run)
  }

  now(): number {
    return this.#parts.messages.now()
  }

  elapsed(): number {
    return this.#parts.timers.now()
  }

  wake(subscription: Subscription): void {
    this.#parts.dispatcher.wake(subscription)
  }

  /** Mail comes to its address alone, which was checked when it subscribed. */
  sees(rules: SubscriptionRequest, topic: string): boolean {
    const { sees } = this.#parts.options
    if (sees === undefined) return true
    return isMailTopic(topic) && !isRequest(topic) ? rules.pattern === topic : sees(rules, topic)
  }

  keyReader({ ordered, pattern }: SubscriptionRequest): KeyReader | undefined {
    return keyReader(ordered, pattern, this.#parts.options.compile)
  }

  rightsChanged(): void {
    this.#parts.registry.routes.forgetTopics()
  }

  hasExpired(headers: Headers): boolean {
    const expires = expiryOf(headers)
    return expires !== undefined && expires <= this.#parts.messages.now()
  }

  paused(subscription: Subscription): void {
    this.#parts.options.paused?.(subscription)
  }

  crowded(subscription: Subscription, isCrowded: boolean): void {
    this.#parts.options.crowded?.(subscription, isCrowded)
  }

  abandonedPublisher(subscription: Subscription, { publisher, from }: Pause): void {
    const { tellPublisher } = this.#parts.options
    const error = slow(subscription)
    if (tellPublisher === undefined) this.report(error)
    else tellPublisher(publisher, error, from)
  }

  deadLettered(subscription: Subscription, item: Item, error: unknown): boolean {
    const isDead = this.#parts.deadLetters.addDeadLetter(subscription.key, item, error)
    subscription.gone?.(item)
    return isDead
  }

  unrouted(envelope: Envelope, why: Unrouted): void {
    this.#parts.options.unrouted?.(envelope, why)
  }

  renewed(subscription: Subscription): void {
    const { rules } = subscription
    this.#parts.registry.ruled(subscription)
    if (rules.name !== undefined) this.#parts.options.nameChanged?.(rules.name, rules)
  }

  report(error: MsgvanError): void {
    this.#parts.reports.report(error)
  }

  settled(): void {
    if (this.#parts.lifetime.isClosed) this.#parts.drainWaiter.check()
  }

  abandoned(subscription: Subscription): void {
    const { registry, dispatcher, drainWaiter } = this.#parts
    registry.remove(subscription)
    dispatcher.forget(subscription)
    const owed = subscription.end(false)
    if (subscription.isLent) for (const { envelope } of owed) this.unrouted(envelope, 'left')
    drainWaiter.linger(subscription, dispatcher.isBusy)
  }
}
