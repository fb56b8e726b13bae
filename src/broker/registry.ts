import type { SubscriptionRequest } from '../bus/broker.js'
import type { Matcher } from '../message/pattern.js'
import { PatternTable } from './pattern-table.js'
import { Subscription } from './subscription.js'
import type { SubscriptionOwner } from './subscription-owner.js'

interface Registration {
  readonly subscription: Subscription
  readonly removeRoute: () => void
}

/** Which subscriptions there are: by topic, by id and by name. */
export class Registry {
  readonly #compile: (pattern: RegExp) => Matcher
  readonly #owner: SubscriptionOwner
  /** By topic: in the order of registration. */
  readonly routes: PatternTable<Subscription>
  readonly #registrations = new Map<string, Registration>()
  readonly #names = new Map<string, Subscription>()
  #lastId = 0

  constructor(compile: (pattern: RegExp) => Matcher, owner: SubscriptionOwner) {
    this.#compile = compile
    this.#owner = owner
    this.routes = new PatternTable<Subscription>(compile)
  }

  get size(): number {
    return this.#registrations.size
  }

  all(): Subscription[] {
    return [...this.#registrations.values()].map(({ subscription }) => subscription)
  }

  byName(name: string): Subscription | undefined {
    return this.#names.get(name)
  }

  /** By what a dead letter calls it: its name, or its id if it has none. */
  byKey(key: string): Subscription | undefined {
    return this.#names.get(key) ?? this.#registrations.get(key)?.subscription
  }

  /**
   * The one of that name, or a new one.
   * @throws NameTakenError, InvalidPatternError
   */
  open(request: SubscriptionRequest): Subscription {
    const { name, pattern } = request
    const named = name === undefined ? undefined : this.#names.get(name)
    if (named !== undefined) {
      named.checkSame(request)
      return named
    }
    const subscription = this.create(request)
    // May refuse the pattern: nothing is registered before.
    const removeRoute = this.routes.add(pattern, subscription)
    this.#registrations.set(subscription.id, { subscription, removeRoute })
    if (name !== undefined) this.#names.set(name, subscription)
    return subscription
  }

  /** One that nothing leads to. */
  create(request: SubscriptionRequest): Subscription {
    this.#lastId += 1
    return new Subscription(`s${this.#lastId}`, request, this.#owner)
  }

  /** @throws InvalidPatternError */
  checkMatchable(pattern: RegExp | string): void {
    if (typeof pattern !== 'string') this.#compile(pattern)
  }

  remove(subscription: Subscription): void {
    this.#registrations.get(subscription.id)?.removeRoute()
    this.#registrations.delete(subscription.id)
    if (subscription.rules.name !== undefined) this.#names.delete(subscription.rules.name)
  }
}
