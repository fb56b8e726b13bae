import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { Matcher } from '../message/pattern.js'
import { PatternTable } from './patterns/pattern-table.js'
import type { PatternWatcher } from './patterns/pattern-watcher.js'
import type { KeptSubscription } from './durable/durable-log.js'
import { Subscription } from './subscription/subscription.js'
import type { SubscriptionOwner } from './subscription/subscription-owner.js'

/** Makes a subscription, with what was kept of it if anything was. */
export type MakeSubscription = (
  id: string,
  request: SubscriptionRequest,
  kept: KeptSubscription | undefined,
) => Subscription

/** Which subscriptions there are: by topic, by id and by name. */
export class Registry {
  readonly #compile: (pattern: RegExp) => Matcher
  readonly #make: MakeSubscription
  /** Without a name, kept from before the start, by session: until their clients come back for them. */
  readonly #orphans = new Map<string, Subscription>()
  /** By topic: in the order of registration. */
  readonly routes: PatternTable<Subscription>
  readonly #registrations = new Map<string, Subscription>()
  readonly #names = new Map<string, Subscription>()
  /** Of all ids that are given here. */
  readonly #prefix: string
  #watcher: PatternWatcher | undefined
  #lastId = 0
  /** Told of each named subscription that comes or goes. */
  nameChanged: ((name: string, rules: SubscriptionRequest | undefined) => void) | undefined

  /** Tells those apart that have a name one after another. */
  newIncarnation: (() => string) | undefined

  constructor(
    compile: (pattern: RegExp) => Matcher,
    owner: SubscriptionOwner<Subscription>,
    make: MakeSubscription = (id, request) => new Subscription(id, request, owner),
    idPrefix = '',
  ) {
    this.#prefix = `${idPrefix}s`
    this.#compile = compile
    this.#make = make
    this.routes = new PatternTable<Subscription>(compile)
  }

  get size(): number {
    return this.#registrations.size
  }

  all(): Subscription[] {
    return [...this.#registrations.values()]
  }

  has({ id }: Subscription): boolean {
    return this.#registrations.has(id)
  }

  /** The one watcher there is; told at once of what is there already. */
  watch(watcher: PatternWatcher): void {
    this.#watcher = watcher
    for (const { rules } of this.#registrations.values()) watcher.added(rules.pattern)
  }

  byName(name: string): Subscription | undefined {
    return this.#names.get(name)
  }

  /** By what a dead letter calls it: its name, or its id if it has none. */
  byKey(key: string): Subscription | undefined {
    return this.#names.get(key) ?? this.#registrations.get(key)
  }

  /**
   * The one of that name, or a new one.
   * @throws NameTakenError, InvalidPatternError
   */
  open(request: SubscriptionRequest): Subscription {
    const { name } = request
    const named = name === undefined ? undefined : this.#names.get(name)
    if (named !== undefined) {
      named.checkSame(request)
      return named
    }
    return this.#adopt(request) ?? this.#add(this.#anew(request), undefined)
  }

  /** As it goes on in the books. One that was there under another host has its incarnation. */
  #anew(request: SubscriptionRequest): SubscriptionRequest {
    if (request.name === undefined || request.incarnation !== undefined) return request
    const incarnation = this.newIncarnation?.()
    return incarnation === undefined ? request : { ...request, incarnation }
  }

  /** This one names a subscription of before the start, or its dead letters: no new one gets it. */
  reserve(id: string): void {
    if (!id.startsWith(this.#prefix)) return
    const number = Number(id.slice(this.#prefix.length))
    if (number > this.#lastId) this.#lastId = number
  }

  /** One that was there before the start. */
  restore(kept: KeptSubscription): void {
    const subscription = this.#add(kept.request, kept)
    if (kept.request.session !== undefined) this.#orphans.set(kept.request.session, subscription)
  }

  /** One of another process, under its own id. @throws NameTakenError, InvalidPatternError */
  settle(id: string, request: SubscriptionRequest): Subscription {
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

  /** Those without a name whose clients did not come back for them. @param isAwaited it is there, and is about to ask for its own */
  takeOrphans(isAwaited: (client: string) => boolean): Subscription[] {
    const gone = [...this.#orphans].filter(([session]) => !isAwaited(clientOf(session)))
    for (const [session] of gone) this.#orphans.delete(session)
    return gone.map(([, orphan]) => orphan)
  }

  get hasOrphans(): boolean {
    return this.#orphans.size > 0
  }

  #adopt(request: SubscriptionRequest): Subscription | undefined {
    if (request.session === undefined) return undefined
    const orphan = this.#orphans.get(request.session)
    if (orphan?.hasPattern(request.pattern) !== true) return undefined
    this.#orphans.delete(request.session)
    orphan.rules = request
    return orphan
  }

  #add(request: SubscriptionRequest, kept: KeptSubscription | undefined): Subscription {
    // What is refused is never kept: the next start could not take it either.
    this.routes.check(request.pattern)
    return this.#enter(this.create(request, kept), request)
  }

  #enter(subscription: Subscription, { name, pattern }: SubscriptionRequest): Subscription {
    subscription.route = this.routes.add(pattern, subscription)
    this.#registrations.set(subscription.id, subscription)
    if (name !== undefined) this.#names.set(name, subscription)
    if (name !== undefined) this.nameChanged?.(name, subscription.rules)
    subscription.registered?.()
    this.#watcher?.added(pattern)
    return subscription
  }

  /** One that nothing leads to. */
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
    if (name !== undefined && this.#names.delete(name)) this.nameChanged?.(name, undefined)
  }
}

/** Of a subscription's session, which is `CLIENT/NUMBER`. */
function clientOf(session: string): string {
  return session.slice(0, session.lastIndexOf('/'))
}
