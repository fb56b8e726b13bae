import type { Observable } from 'rxjs'
import { caught, refusedWith } from '../bus/caught.js'
import { CurrentState } from '../bus/current-state.js'
import type { Broker, BusState, CloseOptions, Consumer, Membership } from '../bus/contract/broker.js'
import type { Sight } from '../bus/contract/sight.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { DeadLetterFilter } from '../bus/contract/dead-letters.js'
import { drainTimeout, leftWaiting } from '../bus/drain-timeout.js'
import type { Counters } from '../bus/contract/status.js'
import { MsgvanError } from '../errors.js'
import { reachesSystemTopics } from '../message/pattern.js'
import type { Envelope, Headers } from '../message/envelope.js'
import { Encoding } from '../codec/encoding.js'
import { BrokerParts } from './broker-parts.js'
import type { LetterPage } from './dead-letters/dead-letter-queue.js'
import type { OutboundLog } from './durable/durable-log.js'
import type { Lifetime } from './lifecycle/lifetime.js'
import type { Transfer } from './lifecycle/transfer.js'
import type { LocalBrokerOptions } from './local-broker-options.js'
import { LocalControl } from './local-control.js'
import type { RuledPublisher } from './delayed/ruled-publisher.js'
import type { PatternTable } from './patterns/pattern-table.js'
import type { PatternWatcher } from './patterns/pattern-watcher.js'
import type { WaitingMemory } from './memory/waiting-memory.js'
import { closedError } from './refusals.js'
import type { Dispatcher } from './routing/dispatcher.js'
import type { MessageFactory } from './routing/message-factory.js'
import { Relay } from './routing/relay.js'
import type { Router } from './routing/router.js'
import type { SystemTopics } from './routing/system-topics.js'
import type { Item } from './subscription/backlog/item.js'
import type { HostRef } from '../bus/contract/hosts.js'
import type { Subscription } from './subscription/subscription.js'

export type { LocalBrokerOptions }

const done: Promise<void> = Promise.resolve()

/** The real Broker: routes, queues, hands out, settles and redelivers. Pure: no I/O, and no timers but its scheduler's. */
export class LocalBroker implements Broker {
  readonly checksPayloads = false
  readonly control: LocalControl
  /** Publishes on the system's own topics. */
  readonly system: SystemTopics
  /** Moves the contents of this broker from one process to the next. */
  readonly transfer: Transfer
  /** The memory of the messages that wait. */
  readonly memory: WaitingMemory
  /** Publishes with an id, and delayed ones. */
  readonly #parts: BrokerParts
  // The parts that each message passes.
  readonly #routes: PatternTable<Subscription>
  readonly #dispatcher: Dispatcher
  readonly #messages: MessageFactory
  readonly #router: Router
  readonly #lifetime: Lifetime
  readonly #state$ = new CurrentState<BusState>('connected')

  constructor(options: LocalBrokerOptions) {
    const parts = new BrokerParts(options)
    this.#parts = parts
    this.#routes = parts.registry.routes
    this.#dispatcher = parts.dispatcher
    this.#messages = parts.messages
    this.#router = parts.router
    this.#lifetime = parts.lifetime
    this.system = parts.system
    this.transfer = parts.transfer
    this.memory = parts.memory
    this.control = new LocalControl(parts)
  }

  /** Publishes with an id, and delayed ones. */
  get ruled(): RuledPublisher {
    return this.#parts.ruled
  }

  get state$(): Observable<BusState> {
    return this.#state$.asObservable()
  }

  get errors$(): Observable<MsgvanError> {
    return this.#parts.reports.errors$
  }

  get lateErrors$(): Observable<MsgvanError> {
    return this.#parts.reports.late$
  }

  /** Nothing is left in it: see `BrokerParts`. */
  get isIdle(): boolean {
    return this.#parts.isIdle
  }

  ready(): Promise<void> {
    return this.#lifetime.isClosed ? Promise.reject(closedError()) : done
  }

  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    if (this.#lifetime.refuses) return refusedWith(closedError(), refused)
    const { only, values } = this.#routes.route(topic)
    if (
      only !== undefined &&
      !this.#lifetime.isClosed &&
      this.#dispatcher.publishStraight(this.#messages, topic, headers, payload, only)
    )
      return done
    const envelope = this.#messages.envelope(topic, headers, payload, 0, Encoding.Value)
    const outcome = this.#router.accept(envelope, values)
    if (outcome instanceof MsgvanError) return caught(Promise.reject(outcome), refused)
    return outcome === undefined ? done : caught(outcome, refused)
  }

  publishRuled(...[topic, body, headers, rules, refused]: Parameters<Broker['publishRuled']>): Promise<void> {
    return this.ruled.publishHere({ topic, headers, body, size: 0, encoding: Encoding.Value }, rules, refused)
  }

  /**
   * Accepts a message that has an envelope.
   *
   * @returns undefined when the van owes the message now. Otherwise a promise: it rejects if the message is refused,
   * and no subscription gets it; it resolves when all full subscriptions with `overflow: 'pause'` have room.
   */
  accept(envelope: Envelope): undefined | Promise<void> {
    const { only, values } = this.#routes.route(envelope.topic)
    if (
      only !== undefined &&
      !this.#lifetime.isClosed &&
      !this.memory.isFull &&
      this.#dispatcher.runStraight(envelope, only)
    )
      return undefined
    const taken = this.#router.accept(envelope, values)
    return taken instanceof MsgvanError ? Promise.reject(taken) : taken
  }

  /**
   * Like `accept`, for a message of another host: it does not go back there.
   *
   * @param isAnswered its publisher learns of a refusal; else `overflow: 'error'` drops it
   * @returns the error itself, if it is refused at once: then the messages behind it can be refused, too
   */
  acceptFrom(
    from: HostRef,
    envelope: Envelope,
    isAnswered: boolean,
  ): undefined | Promise<void> | MsgvanError {
    return this.#router.acceptFrom(Relay.of(from), envelope, isAnswered)
  }

  /**
   * For a message that comes again, and that its subscriptions have had since before the start.
   *
   * @returns a promise that resolves when these have room; undefined if they have it now
   */
  awaitRoom(envelope: Envelope, from?: HostRef): undefined | Promise<void> {
    return this.#router.awaitRoom(envelope, from && Relay.of(from))
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    return this.#parts.subscriptions.consume(request, consumer)
  }

  /**
   * Registers a named subscription without a consumer. It replaces the one of that name: if the pattern differs, that
   * is removed with all its messages; if the pattern is the same, it gets the new rules.
   *
   * @throws InvalidPatternError, UnsupportedError (`from` without a store)
   */
  replace(request: SubscriptionRequest & { readonly name: string }): void {
    this.#parts.subscriptions.replace(request)
  }

  /** The rules of the named subscriptions, without `from`: they have begun. */
  named(): (SubscriptionRequest & { readonly name: string })[] {
    return this.#parts.subscriptions.named()
  }

  /**
   * Removes a named subscription, and gives up its messages step by step. With a store this continues after this
   * process.
   *
   * @param reason the text of their ActorStoppedError
   * @param delay milliseconds before the first step
   * @returns resolves when nothing is pending there any more; deliveries in hand may still come back
   */
  retire(name: string, reason: string, delay?: number): Promise<void> {
    return this.#parts.subscriptions.retire(name, reason, delay)
  }

  /** Makes a message that no consumer will take a dead letter of that name, unless `takeBack` accepts it. */
  giveUp(key: string, item: Item, error: MsgvanError): void {
    this.#parts.subscriptions.giveUp(key, item, error)
  }

  /** Replaces the watcher, and passes it the present patterns at once. */
  watchPatterns(watcher: PatternWatcher): void {
    this.#parts.registry.watch(watcher)
  }

  /** Whether principals see topics may have changed. */
  forgetTopics(): void {
    this.#routes.forgetTopics()
    for (const subscription of this.#parts.registry.all()) subscription.changed()
  }

  /** What a principal of another host may see has changed. @param principal of that host, if it has one */
  renewSight(sight: Sight, principal: string | undefined): void {
    this.#parts.subscriptions.renewSight(sight, principal)
  }

  /** Whether another principal is at that address. */
  isTaken(address: string, principal: string | undefined): boolean {
    // Another host wants all that its clients want, by patterns that its place here does not show.
    const isOthers = ({ rules: { pattern, principal: of } }: Subscription): boolean =>
      pattern === address ? of !== principal : typeof pattern !== 'string' && !reachesSystemTopics(pattern)
    return this.#routes.match(address).some(isOthers)
  }

  /**
   * Opens a relay to another host, which adds the patterns that it wants.
   *
   * @param outboundLog a log for its messages
   */
  relay(consumer: Consumer, outboundLog?: OutboundLog): Relay {
    return this.#parts.relays.open(consumer, outboundLog)
  }

  /** The relay that owed this message is gone: mail goes to the host in its place. Other messages are unrouted. */
  reroute(envelope: Envelope): void {
    this.#router.reroute(envelope)
  }

  /** The counts without those of the present subscriptions. */
  get ownCounters(): Counters {
    return this.#parts.counters.own
  }

  get counters(): Counters {
    return this.#parts.counters.all
  }

  /** Dead letters with their payloads as bytes, for a host that does not read them. */
  letterPage(filter: DeadLetterFilter, after: number, withPayloads: boolean): LetterPage {
    return this.#parts.deadLetters.page(filter, after, withPayloads)
  }

  report(error: MsgvanError, toLogOnly?: boolean): void {
    this.#parts.reports.report(error, toLogOnly)
  }

  async close({ drain = true, timeout = 10_000, signal }: CloseOptions = {}): Promise<void> {
    const { registry, subscriptions, relays, timers, endings, deadLetters, reports, madeRuled } = this.#parts
    if (this.#lifetime.isClosed) return
    this.#lifetime.close()
    for (const subscription of registry.all()) subscription.changed()
    this.#parts.refuseHeld(closedError())
    if (drain) await this.#drain(timeout, signal)
    this.#parts.refuseHeld(closedError())
    for (const subscription of registry.all()) subscriptions.remove(subscription, true)
    relays.close()
    timers.clear()
    madeRuled?.agenda.close()
    endings.close()
    deadLetters.close()
    this.#state$.next('closed')
    this.#state$.complete()
    reports.end()
  }

  async #drain(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    const { drainWaiter, drainIntake, timers, registry, options } = this.#parts
    drainIntake.begin()
    const isDrained = await this.#lifetime.drain(() => drainWaiter.wait(timeout, timers, signal))
    // A store keeps them.
    const waiting = options.durableLog === undefined ? registry.waiting() : []
    const waited = signal?.aborted === true ? 'aborted' : timeout
    if (!isDrained)
      this.report(drainTimeout(waited, drainWaiter.unsettled(), 0, 0, this.#dispatcher.queued, waiting))
    else if (waiting.length > 0)
      this.report(leftWaiting(waiting, 'An embedded van keeps no messages when its bus closes.'))
    this.#parts.reportLeft()
  }
}
