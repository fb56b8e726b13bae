import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Waiting } from '../../bus/drain-timeout.js'
import { isSystemTopic } from '../../message/topic.js'
import { isRequestPattern, type Matcher } from '../../message/pattern.js'
import { PatternTable } from '../patterns/pattern-table.js'
import type { PatternWatcher } from '../patterns/pattern-watcher.js'
import type { KeptSubscription } from '../durable/durable-log.js'
import type { Subscription } from '../subscription/subscription.js'
import type { LocalBrokerOptions } from '../local-broker-options.js'

/**
 * Makes a subscription.
 *
 * @param kept its contents in the store, if it is restored
 */
export type MakeSubscription = (
  id: string,
  request: SubscriptionRequest,
  kept: KeptSubscription | undefined,
) => Subscription

type RegistryOptions = Pick<
  LocalBrokerOptions,
  'compile' | 'idPrefix' | 'nameChanged' | 'newIncarnation' | 'sees'
>

/** The subscriptions of a broker: by topic, by id and by name. */
export class Registry {
  readonly #compile: (pattern: RegExp) => Matcher
  readonly #make: MakeSubscription
  /** Restored unnamed subscriptions, by session, until their clients come back for them. */
  readonly #orphans = new Map<string, Subscription>()
  /** By topic, in the order of registration. */
  readonly routes: PatternTable<Subscription>
  readonly #registrations = new Map<string, Subscription>()
  readonly #names = new Map<string, Subscription>()
  /** The prefix of all ids that this registry makes. */
  readonly #prefix: string
  #watcher: PatternWatcher | undefined
  #lastId = 0
  /** There is, or was, a subscription that wants certain headers. */
  matchesHeaders = false
  readonly #nameChanged: LocalBrokerOptions['nameChanged']
  readonly #newIncarnation: LocalBrokerOptions['newIncarnation']

  constructor(make: MakeSubscription, options: RegistryOptions) {
    const { compile, idPrefix = '', nameChanged, newIncarnation } = options
    this.#prefix = `${idPrefix}s`
    this.#compile = compile
    this.#make = make
    this.#nameChanged = nameChanged
    this.#newIncarnation = newIncarnation
    // Without principals there is nothing to check.
    const admits = options.sees && ((each: Subscription, topic: string) => each.isRouted(topic))
    this.routes = new PatternTable<Subscription>(compile, { admits })
  }

  get size(): number {
    return this.#registrations.size
  }

  all(): Subscription[] {
    return [...this.#registrations.values()]
  }

  /** Subscriptions of apps with messages that are not handed out. */
  waiting(): Waiting[] {
    return this.all()
      .filter(({ rules: { pattern } }) => !isOfSystem(pattern))
      .map(({ rules, pending, held, retrying }) => ({ rules, count: pending + held, retrying }))
      .filter(({ count }) => count > 0)
  }

  has({ id }: Subscription): boolean {
    return this.#registrations.has(id)
  }

  /** Replaces the watcher, and passes it the present patterns at once. */
  watch(watcher: PatternWatcher): void {
    this.#watcher = watcher
    for (const { rules } of this.#registrations.values()) watcher.added(rules.pattern)
  }

  byName(name: string): Subscription | undefined {
    return this.#names.get(name)
  }

  /** By its key in dead letters: its name, or its id if it has none. */
  byKey(key: string): Subscription | undefined {
    return this.#names.get(key) ?? this.#registrations.get(key)
  }

  /**
   * The subscription of that name, or a new one.
   *
   * @throws NameTakenError, InvalidPatternError
   */
  open(request: SubscriptionRequest): Subscription {
    const { name } = request
    const named = name === undefined ? undefined : this.#names.get(name)
    if (named !== undefined) {
      named.checkSame(request)
      return named
    }
    const subscription = this.#reclaim(request) ?? this.#add(this.#anew(request), undefined)
    // Another process had this name.
    if (request.incarnation !== undefined) subscription.throttle?.rest()
    return subscription
  }

  /** Adds an incarnation to a named request. A restored one has it already. */
  #anew(request: SubscriptionRequest): SubscriptionRequest {
    if (request.name === undefined || request.incarnation !== undefined) return request
    const incarnation = this.#newIncarnation?.()
    return incarnation === undefined ? request : { ...request, incarnation }
  }

  /** A restored subscription or dead letter has this id: no new one gets it. */
  reserve(id: string): void {
    if (!id.startsWith(this.#prefix)) return
    const number = Number(id.slice(this.#prefix.length))
    if (number > this.#lastId) this.#lastId = number
  }

  /** Adds a subscription from the store. */
  restore(kept: KeptSubscription): void {
    const subscription = this.#add(kept.request, kept)
    subscription.throttle?.rest()
    if (kept.request.session !== undefined) this.#orphans.set(kept.request.session, subscription)
  }

  /**
   * Adds a subscription of another process, under its own id if that is free.
   *
   * @throws InvalidPatternError
   */
  adopt(id: string, request: SubscriptionRequest): Subscription {
    const number = Number(/\d+$/.exec(id)?.[0] ?? 0)
    this.#lastId = Math.max(this.#lastId, number)
    this.routes.check(request.pattern)
    return this.#registrations.has(id)
      ? this.#add(request, undefined)
      : this.#enter(this.#make(id, request, undefined), request)
  }

  byId(id: string): Subscription | undefined {
    return this.#registrations.get(id)
  }

  /**
   * Restored unnamed subscriptions whose clients have not come back.
   *
   * @param isAwaited the client is connected, and may ask for its own
   */
  takeOrphans(isAwaited: (client: string) => boolean): Subscription[] {
    const gone = [...this.#orphans].filter(([session]) => !isAwaited(clientOf(session)))
    for (const [session] of gone) this.#orphans.delete(session)
    return gone.map(([, orphan]) => orphan)
  }

  /** Whether a restored subscription waits for this session. */
  awaits(session: string): boolean {
    return this.#orphans.has(session)
  }

  get hasOrphans(): boolean {
    return this.#orphans.size > 0
  }

  /** The restored subscription of the client's session, if its pattern is the same. */
  #reclaim(request: SubscriptionRequest): Subscription | undefined {
    if (request.session === undefined) return undefined
    const orphan = this.#orphans.get(request.session)
    if (orphan?.hasPattern(request.pattern) !== true) return undefined
    this.#orphans.delete(request.session)
    orphan.rules = request
    return orphan
  }

  #add(request: SubscriptionRequest, kept: KeptSubscription | undefined): Subscription {
    // Checks it before the store has it, because the next start could not take it either.
    this.routes.check(request.pattern)
    return this.#enter(this.create(request, kept), request)
  }

  #enter(subscription: Subscription, { name, pattern }: SubscriptionRequest): Subscription {
    subscription.route = this.routes.add(pattern, subscription)
    this.ruled(subscription)
    this.#registrations.set(subscription.id, subscription)
    if (name !== undefined) this.#names.set(name, subscription)
    if (name !== undefined) this.#nameChanged?.(name, subscription.rules)
    subscription.registered?.()
    this.#watcher?.added(pattern)
    return subscription
  }

  /** A subscription has these rules from now on. */
  ruled({ rules }: Subscription): void {
    if (rules.match !== undefined) this.matchesHeaders = true
  }

  /** Creates a subscription without routing it. */
  create(request: SubscriptionRequest, kept?: KeptSubscription): Subscription {
    if (kept?.id !== undefined) return this.#make(kept.id, request, kept)
    this.#lastId += 1
    return this.#make(`${this.#prefix}${this.#lastId}`, request, kept)
  }

  /** @throws InvalidPatternError */
  checkMatchable(pattern: RegExp | string): void {
    if (typeof pattern !== 'string') this.#compile(pattern)
  }

  remove(subscription: Subscription): void {
    const { pattern } = subscription.rules
    if (this.#registrations.delete(subscription.id)) {
      this.routes.remove(pattern, subscription.route)
      this.#watcher?.removed(pattern)
    }
    const { name } = subscription.rules
    if (name !== undefined && this.#names.delete(name)) this.#nameChanged?.(name, undefined)
  }
}

/** The client of a subscription's session, which is `CLIENT/NUMBER`. */
function clientOf(session: string): string {
  return session.slice(0, session.lastIndexOf('/'))
}

function isOfSystem(pattern: RegExp | string): boolean {
  return typeof pattern === 'string' ? isSystemTopic(pattern) : isRequestPattern(pattern)
}
