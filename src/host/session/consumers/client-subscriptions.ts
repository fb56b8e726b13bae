import { isWorkerClient } from '../../../workers/worker-client.js'
import type { Membership } from '../../../bus/contract/broker.js'
import type { Sight } from '../../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { REPLIES } from '../../../message/topic.js'
import { ReplayStart } from '../../../message/replay.js'
import type { KeptVerdicts } from '../../../wire/frames/kept-verdicts.js'
import { mayHaveMore, type Usage } from '../../limits/usage.js'
import type { FollowerSession } from '../../backbone/leader/follower-session.js'
import type { Van } from '../../van/van.js'
import { keyOfName } from '../settled-before.js'
import type { RemoteConsumers } from './remote-consumers.js'

export interface ClientSubscriptionsOptions {
  readonly client: string
  readonly van: Van
  readonly consumers: RemoteConsumers
  /** If the client is another host. */
  readonly follower: () => FollowerSession | undefined
  readonly usage: Usage
}

/** The subscriptions of one client: finds the place where each begins and its host, and adds its consumer. */
export class ClientSubscriptions {
  /** The client asked for subscriptions that belong on a disk. */
  needsDisk = false
  readonly #options: ClientSubscriptionsOptions
  /** Subscriptions whose beginning is being looked up. */
  readonly #opening = new Set<number>()
  #opened: Promise<void> | undefined
  /** Subscriptions at another host, until they are in force there. */
  readonly #placing = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: ClientSubscriptionsOptions) {
    this.#options = options
  }

  /**
   * Subscribes once the beginning is known. Later calls wait for that (`opened`), and no message that is published
   * meanwhile is missed.
   */
  open(subscription: number, asked: SubscriptionRequest): void | Promise<void> {
    const { vanStore, broker } = this.#options.van
    const isHere = this.#options.van.home(asked) === broker
    const request = isHere && asked.isResumed === true ? { ...asked, from: undefined } : asked
    const from = isHere && request.from !== undefined ? vanStore?.start(request) : undefined
    if (from === undefined || from instanceof ReplayStart)
      return this.#subscribe(subscription, from === undefined ? request : { ...request, from })
    this.#opening.add(subscription)
    const opened = from.then(start => {
      // It may have left by now.
      if (!this.#opening.delete(subscription) || this.#isClosed) return undefined
      return this.#subscribe(subscription, { ...request, from: start })
    })
    const all = Promise.allSettled([this.#opened, opened]).then(() => {
      if (this.#opened === all) this.#opened = undefined
    })
    this.#opened = all
    return opened
  }

  /** Resolves when all subscriptions asked for so far are there; undefined when they are. */
  get opened(): Promise<void> | undefined {
    return this.#opened
  }

  /** Resolves when all subscriptions are in force at their hosts; undefined when they are. */
  get placed(): Promise<unknown> | undefined {
    return this.#placing.size === 0 ? undefined : Promise.all(this.#placing)
  }

  /**
   * The last process has ended before it could answer for this subscription, which continues here: resolves when it is in
   * force at its host. Undefined: there is no such subscription.
   */
  restored(subscription: number): Promise<void> | undefined {
    const consumer = this.#options.consumers.get(subscription)
    if (consumer?.isRestored !== true) return undefined
    const { joined } = consumer
    return (joined === undefined ? undefined : this.#placed(joined)) ?? Promise.resolve()
  }

  /** Whether the store has it, if it is one that this host stores. A disk that failed meanwhile does not. */
  isAwaited(subscription: number, request: SubscriptionRequest): boolean {
    const { van } = this.#options
    const session = this.#sessionOf(subscription, request)
    if (session === undefined || van.home(request) !== van.broker) return true
    return van.broker.transfer.awaits(session)
  }

  /** The client leaves a subscription: it does not begin any more. */
  leave(subscription: number): void {
    this.#opening.delete(subscription)
  }

  /** The client is a host, and what a principal of it may see has changed. */
  renewSight(sight: Sight): void {
    const { van, consumers } = this.#options
    consumers.views.renew(sight)
    van.broker.renewSight(sight, consumers.principal?.name)
    van.broker.forgetTopics()
  }

  /** The session is over. */
  close(): void {
    this.#isClosed = true
  }

  /** The client's earlier verdicts of a subscription, from when the host was dead, or its session lost. */
  settledBefore(
    subscription: number,
    { name }: SubscriptionRequest,
    { verdicts, incarnation }: KeptVerdicts,
  ): void {
    const { settled } = this.#options.van
    if (name === undefined) settled.add(this.#keyOf(subscription), verdicts)
    else if (incarnation !== undefined) settled.add(keyOfName(name, incarnation), verdicts)
  }

  /**
   * @throws ProtocolError, and the error by which the subscription refuses the client
   */
  #subscribe(subscription: number, request: SubscriptionRequest): void | Promise<void> {
    const { client, van, consumers } = this.#options
    const follower = this.#options.follower()
    const { name } = request
    const broker = van.home(request)
    if (broker !== van.broker) consumers.principal?.checkSight()
    if (name !== undefined || request.from !== undefined) this.needsDisk = true
    this.#checkLimits(request)
    const view = request.sight && consumers.views.viewFor(request.sight)
    const joining = this.#joining(subscription, request, view?.sight)
    const { membership } = consumers.add(subscription, consumer => {
      // A follower has the patterns of all its clients, each of which has a budget there.
      if (follower === undefined) consumers.patterns.take(subscription, request.pattern)
      consumer.name = name
      consumers.limit(consumer, view)
      if (name === undefined) consumer.key = this.#keyOf(subscription)
      if (name === undefined && follower !== undefined) consumer.origin = request.origin
      consumer.endsWithHost = isWorkerClient(client)
      consumer.expectSettledIn(request.ackTimeout)
      return {
        membership:
          follower?.replays.continueFrom(request, joining, consumer) ?? broker.consume(joining, consumer),
      }
    })
    if (name === undefined) van.takeAnswers(request.pattern)
    else if (follower !== undefined) consumers.name(subscription, name)
    return broker === van.broker ? undefined : this.#placed(membership)
  }

  /** @throws LimitError */
  #checkLimits({ pattern, name }: SubscriptionRequest): void {
    const { consumers, usage } = this.#options
    const { principal } = consumers
    if (principal?.limits === undefined || this.#options.follower() !== undefined) return
    if (typeof pattern !== 'string' || !pattern.startsWith(REPLIES))
      mayHaveMore(principal, 'subscriptions', () => usage.subscriptions(principal.name))
    if (name !== undefined) this.checkName(name)
  }

  /** Whether the client may make this name, if it is new. @throws LimitError */
  checkName(name: string): void {
    const { van, consumers, usage } = this.#options
    const { principal } = consumers
    if (principal?.limits?.names === undefined) return
    if (van.broker.transfer.subscriptions().some(({ rules }) => rules.name === name)) return
    mayHaveMore(principal, 'names', () => usage.names(principal.name))
  }

  #joining(
    subscription: number,
    request: SubscriptionRequest,
    sight: Sight | undefined,
  ): SubscriptionRequest {
    const session = this.#sessionOf(subscription, request)
    const {
      pattern,
      name,
      from,
      ordered,
      prefetch,
      attempts,
      delay,
      maxPending,
      maxPendingBytes,
      overflow,
      expired,
    } = request
    // Not spread: each copy would have a hidden class of its own, half a kilobyte for each subscription.
    const plain: SubscriptionRequest = {
      pattern,
      name,
      session,
      principal: this.#options.consumers.principal?.name,
      sight,
      from,
      ordered,
      prefetch,
      attempts,
      delay,
      ackTimeout: request.ackTimeout,
      maxPending,
      maxPendingBytes,
      overflow,
      match: request.match,
      expired,
    }
    const { rate, concurrency } = request
    const isThrottled = rate !== undefined || concurrency !== undefined
    const asked = isThrottled ? { ...plain, rate, concurrency } : plain
    if (name !== undefined) return { ...asked, given: request.given, joins: request.joins }
    if (this.#options.van.home(request) === this.#options.van.broker) return asked
    return { ...asked, origin: `${this.#options.client}/${subscription}`, isResumed: request.isResumed }
  }

  /** The client repeats its first request, until it learns that the subscription is at another host. */
  #placed(membership: Membership): Promise<void> | undefined {
    const placed = this.#options.van.reach.names?.placed(membership)
    if (placed === undefined) return undefined
    this.#placing.add(placed)
    const isOver = (): unknown => this.#placing.delete(placed)
    // `ready` reports why it could not be written.
    return placed.then(isOver, isOver).then(() => undefined)
  }

  /** A store finds an unnamed subscription again by this. */
  #sessionOf(subscription: number, { name }: SubscriptionRequest): string | undefined {
    const { client, van } = this.#options
    return van.vanStore !== undefined && name === undefined ? `${client}/${subscription}` : undefined
  }

  /** The key of the verdicts of an unnamed subscription. */
  #keyOf(subscription: number): string {
    return `s/${this.#options.client}/${subscription}`
  }
}
