import type { Observable } from 'rxjs'
import { caught, refusedWith } from '../bus/caught.js'
import { CurrentState } from '../bus/current-state.js'
import { isReplyInbox } from '../bus/actors/reply-inbox.js'
import { Reports } from '../bus/reports.js'
import type { Broker, BusState, CloseOptions, Consumer, Membership } from '../bus/contract/broker.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { DeadLetterFilter } from '../bus/contract/dead-letters.js'
import { drainTimeout } from '../bus/drain-timeout.js'
import { areSameRules } from '../bus/contract/rules.js'
import type { Counters } from '../bus/contract/status.js'
import { ActorStoppedError, MsgvanError } from '../errors.js'
import { noHeaders, type Envelope, type Headers } from '../message/envelope.js'
import { Encoding } from '../codec/encoding.js'
import { isMailTopic } from '../message/topic.js'
import { applyRequestRules } from './apply-request-rules.js'
import { addCounts, noCounts } from './counters.js'
import type { LetterPage } from './dead-letters/dead-letter-queue.js'
import type { StoredDeadLetter } from './dead-letters/stored-dead-letter.js'
import { DeadLetterHandler, type DeadLetterHandlerOwner } from './dead-letters/dead-letter-handler.js'
import { Endings } from './endings.js'
import { Dispatcher, type DispatcherOwner } from './dispatcher.js'
import { Journal, KEPT_TOPICS } from './durable/journal.js'
import type { KeptSubscription, OutboundLog } from './durable/durable-log.js'
import type { Item } from './subscription/item.js'
import type { LocalBrokerOptions } from './local-broker-options.js'
import { LocalControl } from './local-control.js'
import { Member } from './subscription/member.js'
import { Pause } from './subscription/pause.js'
import type { PatternTable } from './patterns/pattern-table.js'
import type { PatternWatcher } from './patterns/pattern-watcher.js'
import { DrainWaiter } from './clock/drain-waiter.js'
import { closedError, heldFull, noStoreHere, outboxFull, overflow, slow } from './refusals.js'
import { Registry } from './registry.js'
import { Relay } from './relay.js'
import { MessageFactory } from './message-factory.js'
import { storing } from './durable/stored-subscription.js'
import { Subscription, type SubscriptionState } from './subscription/subscription.js'
import type { SubscriptionOwner } from './subscription/subscription-owner.js'
import { Timers } from './clock/timers.js'

export type { LocalBrokerOptions }

const done: Promise<void> = Promise.resolve()

/** After a start, so that who asked for what is given up has come back and is told. */
const RESUMED_AFTER_MS = 3_000
/** So many bytes at most a full subscription holds beside what may wait there. */
const MAX_HELD_BYTES = 64 * 1024 * 1024

/** The real Broker: routes, queues, hands out, settles and redelivers. Pure: no I/O, no timers but its scheduler's. */
export class LocalBroker
  implements Broker, SubscriptionOwner<Subscription>, DispatcherOwner, DeadLetterHandlerOwner
{
  readonly checksPayloads = false
  readonly #options: LocalBrokerOptions
  readonly #maxHeld: number
  readonly #timers: Timers
  readonly #registry: Registry
  readonly #routes: PatternTable<Subscription>
  readonly #deadLetters: DeadLetterHandler
  readonly control: LocalControl
  readonly #dispatcher: Dispatcher
  readonly #endings: Endings
  /** What subscriptions did that are gone, and this van before it. */
  readonly #counts = noCounts()
  readonly #messages: MessageFactory
  readonly #drainWaiter: DrainWaiter
  readonly #state$ = new CurrentState<BusState>('connected')
  readonly #reports = new Reports()
  readonly #relays = new Set<Relay>()
  /** The first target of all that is kept. */
  readonly #journal: Journal | undefined
  #closed = false
  #isDraining = false

  constructor(options: LocalBrokerOptions) {
    this.#options = options
    if (options.counted !== undefined) addCounts(this.#counts, options.counted)
    this.#maxHeld = options.maxHeld ?? 100_000
    this.#timers = new Timers(options.scheduler)
    this.#messages = new MessageFactory(options.wallClock)
    this.#registry = new Registry(options.compile, this, storing(this, options), options.idPrefix)
    this.#registry.nameChanged = options.nameChanged
    this.#registry.newIncarnation = options.newIncarnation
    this.#routes = this.#registry.routes
    if (options.keeper !== undefined) {
      this.#journal = new Journal(this, options.keeper)
      for (const pattern of KEPT_TOPICS) this.#routes.add(pattern, this.#journal)
    }
    this.#dispatcher = new Dispatcher(this, options.soon ?? (run => queueMicrotask(run)))
    this.#endings = new Endings({
      after: (delay, run) => this.after(delay, run),
      kept: () => options.keeper?.kept(),
    })
    this.#deadLetters = new DeadLetterHandler(this, this.#registry, this.#messages, options)
    this.#drainWaiter = new DrainWaiter(
      () => this.#dispatcher.isDrained,
      () => this.#registry.all(),
      subscription => subscription.countInto(this.#counts),
    )
    this.control = new LocalControl({
      options,
      registry: this.#registry,
      letters: this.#deadLetters,
      drainWaiter: this.#drainWaiter,
      isClosed: () => this.#closed,
      counters: () => this.counters,
      remove: subscription => this.#remove(subscription, true),
    })
  }

  get state$(): Observable<BusState> {
    return this.#state$.asObservable()
  }

  get errors$(): Observable<MsgvanError> {
    return this.#reports.errors$
  }

  get lateErrors$(): Observable<MsgvanError> {
    return this.#reports.late$
  }

  /** Nobody is attached, nothing is registered by name, nothing is kept. */
  get isIdle(): boolean {
    const isEmpty = this.#registry.size === 0 && this.#deadLetters.size === 0
    return isEmpty && this.#endings.size === 0 && [...this.#relays].every(relay => relay.isIdle)
  }

  ready(): Promise<void> {
    return this.#closed ? Promise.reject(closedError()) : done
  }

  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    if (this.#closed && !this.#isFinishing) return refusedWith(closedError(), refused)
    const { only, values } = this.#routes.route(topic)
    if (
      only !== undefined &&
      !this.#closed &&
      this.#dispatcher.publishStraight(this.#messages, topic, headers, payload, only)
    )
      return done
    const envelope = this.#messages.envelope(topic, headers, payload, 0, Encoding.Value)
    const outcome = this.#acceptUnusual(envelope, values)
    if (outcome instanceof MsgvanError) return caught(Promise.reject(outcome), refused)
    return outcome === undefined ? done : caught(outcome, refused)
  }

  /**
   * @returns undefined when the message was taken over at once; otherwise a promise. It rejects if the message is refused: then
   *   nobody gets it. It resolves when a full subscription with `overflow: 'pause'` has room: all others have it by then.
   */
  accept(envelope: Envelope): undefined | Promise<void> {
    const { only, values } = this.#routes.route(envelope.topic)
    if (only !== undefined && !this.#closed && this.#dispatcher.runStraight(envelope, only)) return undefined
    const taken = this.#acceptUnusual(envelope, values)
    return taken instanceof MsgvanError ? Promise.reject(taken) : taken
  }

  /**
   * As `accept`, for what came from another host by this way: it does not go back there.
   *
   * @param isAnswered its publisher is told of a refusal; else `overflow: 'error'` drops it
   * @returns also why it is refused, if that is known at once: then what comes behind it can be refused, too
   */
  acceptFrom(from: Relay, envelope: Envelope, isAnswered: boolean): undefined | Promise<void> | MsgvanError {
    const targets = from.others(this.#routes.match(envelope.topic))
    const willing = isAnswered ? targets : targets.filter(target => !target.refused(envelope.topic))
    return this.#acceptUnusual(envelope, willing, from, isAnswered)
  }

  #acceptUnusual(
    envelope: Envelope,
    targets: readonly Subscription[],
    from?: Relay,
    isAnswered = true,
  ): undefined | Promise<void> | MsgvanError {
    if (this.#closed && !this.#isFinishing) return closedError()
    let full: Subscription[] | undefined
    // Not for…of: in a host this runs once per message.
    for (let at = 0; at < targets.length; at += 1) {
      const target = targets[at]
      if (target?.isFull === true) (full ??= []).push(target)
    }
    const pausing = full?.filter(target => target.overflowOf(envelope.topic) === 'pause')
    const refusal = full === undefined ? undefined : this.#refusal(envelope, full, isAnswered)
    if (refusal !== undefined) return refusal
    if (this.#dispatcher.isBusy && this.#dispatcher.queued >= this.#maxHeld) return outboxFull(this.#maxHeld)
    if (this.#isUnrouted(targets)) {
      const coming = this.#options.coming?.(envelope)
      if (coming !== undefined)
        return coming.then(() => {
          if (from === undefined) return this.accept(envelope)
          const taken = this.acceptFrom(from, envelope, isAnswered)
          return taken instanceof MsgvanError ? Promise.reject(taken) : taken
        })
      this.#options.unrouted?.(envelope)
    }
    const pause =
      pausing === undefined || pausing.length === 0 ? undefined : new Pause(pausing, envelope.publisher, from)
    const isTooMuch = pausing?.some(target => !this.#mayHold(target, envelope)) === true
    // From here on the van owes it to every target.
    this.#dispatcher.run(envelope, targets, from === undefined, pause)
    if (pause === undefined || pause.isOver) return undefined
    return isAnswered || isTooMuch ? pause.done : undefined
  }

  /** Why nobody gets a message, if so: these of its targets have no room. */
  #refusal(envelope: Envelope, full: readonly Subscription[], isAnswered: boolean): MsgvanError | undefined {
    const refusing = full.find(target => target.overflowOf(envelope.topic) === 'error')
    if (refusing !== undefined) return overflow(refusing)
    if (!isAnswered) return undefined
    const crowded = full.find(
      target => target.overflowOf(envelope.topic) === 'pause' && !this.#mayHold(target, envelope),
    )
    return crowded === undefined ? undefined : heldFull(crowded)
  }

  #mayHold({ held, heldBytes }: Subscription, { size }: Envelope): boolean {
    return held < this.#maxHeld && (held === 0 || heldBytes + size <= MAX_HELD_BYTES)
  }

  /**
   * A message comes again that is in the books since before the start: it is not taken twice.
   *
   * @returns a promise that resolves when its targets have no more waiting than may; undefined if that is so
   */
  awaitRoom({ topic, publisher }: Envelope, from?: Relay): undefined | Promise<void> {
    const full = this.#routes
      .match(topic)
      .filter(target => target.isFull && target.overflowOf(topic) === 'pause')
    if (full.length === 0 || this.#closed) return undefined
    const pause = new Pause(full, publisher, from)
    for (const target of full) target.awaitRoom(pause)
    return pause.isOver ? undefined : pause.done
  }

  #isUnrouted(targets: readonly Subscription[]): boolean {
    return targets.length === 0 || (targets.length === 1 && targets[0] === this.#journal)
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const subscription = this.#subscriptionFor(request, consumer)
    if (subscription === undefined) {
      // Refused: a place in a subscription that never was, so that leaving it does nothing.
      const nowhere = new Member(new Subscription('nowhere', request, this), consumer, request)
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

  #checkBeginning(request: SubscriptionRequest): void {
    const { from } = request
    if (!(this.#isFinishing && isReplyInbox(request))) this.checkOpen()
    if (from !== undefined && this.#options.keeper === undefined) throw noStoreHere()
  }

  /** The one of that name, or a new one; undefined when it was refused, and the consumer told. */
  #subscriptionFor(request: SubscriptionRequest, consumer: Consumer): Subscription | undefined {
    try {
      this.#checkBeginning(request)
      const { name } = request
      const before = name === undefined ? undefined : this.#registry.byName(name)
      const subscription = this.#registry.open(request)
      if (subscription === before) applyRequestRules(subscription, request)
      return subscription
    } catch (error) {
      if (!(error instanceof MsgvanError)) throw error
      consumer.error(error)
      return undefined
    }
  }

  /**
   * Registers a named subscription without a consumer, in place of what the name had: with another pattern that is removed
   * with all that waited in it; with the same one the new rules hold from now on.
   *
   * @throws InvalidPatternError, UnsupportedError (`from`, and nothing is kept)
   */
  replace(request: SubscriptionRequest & { readonly name: string }): void {
    this.#checkBeginning(request)
    const before = this.#registry.byName(request.name)
    if (before !== undefined && !before.hasPattern(request.pattern)) {
      // Refused before anything is taken away.
      this.#registry.checkMatchable(request.pattern)
      this.#remove(before, true)
    }
    this.#registry.open(request).rules = request
  }

  /** Before anything else: what was kept from before the start. */
  restore(subscriptions: Iterable<KeptSubscription>, letters: Iterable<StoredDeadLetter>): void {
    const all = [...subscriptions]
    const buried = [...letters]
    for (const { id } of all) if (id !== undefined) this.#registry.reserve(id)
    for (const { letter } of buried) this.#registry.reserve(letter.subscription)
    this.#deadLetters.restore(buried)
    for (const kept of all) {
      const { ending, request } = kept
      if (ending === undefined) this.#registry.restore(kept)
      else void this.#giveUpAll(this.#registry.create(request, kept), ending, RESUMED_AFTER_MS)
    }
  }

  /**
   * Clients that were there before the start have had their time to come back.
   *
   * @param isAwaited this one is there, and is about to ask for what it had
   * @returns whether some are awaited
   */
  endOrphans(isAwaited: (client: string) => boolean): boolean {
    for (const orphan of this.#registry.takeOrphans(isAwaited)) this.#remove(orphan, true)
    return this.#registry.hasOrphans
  }

  /** All that are registered, for another process to go on with. */
  subscriptions(): readonly Subscription[] {
    return this.#registry.all()
  }

  /** Another process kept these. */
  takeInLetters(letters: Iterable<StoredDeadLetter>): void {
    this.#deadLetters.takeIn(letters)
  }

  /** What is being given up is given up, all of it: another process goes on with the rest. */
  finishEndings(): void {
    this.#endings.finish()
  }

  /** One of another process goes on here. @throws NameTakenError, InvalidPatternError */
  settle({ id, rules, ...state }: SubscriptionState): Subscription {
    this.checkOpen()
    const known = rules.name === undefined ? undefined : this.#registry.byName(rules.name)
    known?.checkSame(rules)
    if (known !== undefined) known.rules = rules
    const subscription = known ?? this.#registry.settle(id, rules)
    subscription.resume(state)
    return subscription
  }

  /** Nobody came along for whom it was there. */
  forsake(subscription: Subscription): void {
    this.#remove(subscription, false)
  }

  /** A consumer's place in a subscription that is there. */
  join(subscription: Subscription, request: SubscriptionRequest, consumer: Consumer): Member {
    const member = subscription.newMember(consumer, request)
    subscription.join(member)
    return member
  }

  /** The named ones, as they go on: where they began is behind them. */
  named(): (SubscriptionRequest & { readonly name: string })[] {
    return this.#registry.all().flatMap(({ rules }) => {
      const { name } = rules
      return name === undefined ? [] : [{ ...rules, name, from: undefined }]
    })
  }

  #remove(subscription: Subscription, completeMembers: boolean): Item[] {
    this.#unlist(subscription)
    return subscription.end(completeMembers)
  }

  #unlist(subscription: Subscription): void {
    this.#takeOff(subscription)
    subscription.countInto(this.#counts)
  }

  #takeOff(subscription: Subscription): void {
    this.#registry.remove(subscription)
    this.#dispatcher.forget(subscription)
  }

  /**
   * Removes a named subscription, and gives up what it owes, step by step. Where that is kept, it goes on after this process.
   *
   * @param reason for people: of an ActorStoppedError
   * @param delay milliseconds before the first step
   * @returns resolves when nothing waits there any more; what was on its way to consumers may still come back
   */
  retire(name: string, reason: string, delay = 0): Promise<void> {
    const subscription = this.#registry.byName(name)
    if (subscription === undefined) return done
    this.#unlist(subscription)
    subscription.endKept?.(reason)
    return this.#giveUpAll(subscription, reason, delay)
  }

  #giveUpAll(subscription: Subscription, reason: string, delay: number): Promise<void> {
    const error = new ActorStoppedError(reason)
    subscription.retire(item => {
      this.giveUp(subscription.key, item, error)
      subscription.gone?.(item)
    })
    return this.#endings.begin(subscription, delay)
  }

  /** What becomes of a message that nobody will take: a dead letter of that name, unless somebody takes it back. */
  giveUp(key: string, item: Item, error: MsgvanError): void {
    if (this.#deadLetters.bury(key, item, error)) this.#counts.deadLettered += 1
  }

  /** To a topic of the system's, made only if somebody listens. False if nobody does. */
  say(...words: Parameters<DeadLetterHandler['say']>): boolean {
    return !this.#closed && this.#deadLetters.say(...words)
  }

  /** From now on the one watcher there is; told at once of what is subscribed to already. */
  watchPatterns(watcher: PatternWatcher): void {
    this.#registry.watch(watcher)
  }

  /** A place for another host, which takes what it says that it wants. It is no subscription to those who ask for `status`. @param outbox what waits for it is kept there */
  relay(consumer: Consumer, outbox?: OutboundLog): Relay {
    const closed = (owed: readonly Item[]): void => {
      this.#relays.delete(relay)
      for (const { envelope } of owed) this.sendElsewhere(envelope)
    }
    const relay: Relay = new Relay(consumer, this.#routes, this, closed, outbox)
    this.#relays.add(relay)
    return relay
  }

  /** Of what a host was owed that is gone, mail is for the host in its place, if that has the actor, and else finds none. */
  sendElsewhere(envelope: Envelope): void {
    if (this.#closed || !isMailTopic(envelope.topic)) return
    const targets = this.#routes.match(envelope.topic).filter(target => target !== this.#journal)
    if (targets.length > 0) return this.#dispatcher.run(envelope, targets, false)
    const coming = this.#options.coming?.(envelope)
    if (coming === undefined) this.#options.unrouted?.(envelope)
    else void coming.then(() => this.sendElsewhere(envelope))
  }

  /** To a topic of the system's, for the subscribers of this host alone. */
  tell(topic: string, payload: unknown): void {
    if (this.#closed) return
    const targets = this.#routes.match(topic).filter(target => this.#registry.has(target))
    if (targets.length === 0) return
    this.announce(this.#messages.envelope(topic, noHeaders, payload, 0, Encoding.Value), targets)
  }

  /** What was counted here, but for the subscriptions that are there. */
  get ownCounters(): Counters {
    return { ...this.#counts, published: this.#counts.published + this.#dispatcher.published }
  }

  /** It was counted before, in another process. */
  count(counted: Readonly<Counters>): void {
    addCounts(this.#counts, counted)
  }

  /** Of all that was ever counted here. */
  get counters(): Counters {
    const sum = this.ownCounters
    for (const { counts } of this.#registry.all()) addCounts(sum, counts)
    for (const { counts } of this.#drainWaiter.lingering) addCounts(sum, counts)
    return sum
  }

  /** The dead letters as they are kept, for a host that passes payloads on unread. */
  letterPage(filter: DeadLetterFilter, after: number, withPayloads: boolean): LetterPage {
    return this.#deadLetters.page(filter, after, withPayloads)
  }

  report(error: MsgvanError, toLogOnly?: boolean): void {
    this.#reports.report(error, toLogOnly)
  }

  async close({ drain = true, timeout = 10_000 }: CloseOptions = {}): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const subscription of this.#registry.all()) subscription.changed()
    this.#refuseHeld()
    this.#isDraining = drain
    if (drain && !(await this.#drainWaiter.wait(timeout, this.#timers)))
      this.report(drainTimeout(timeout, this.#drainWaiter.unsettled(), 0, 0, this.#dispatcher.waiting))
    this.#isDraining = false
    this.#refuseHeld()
    for (const subscription of this.#registry.all()) this.#remove(subscription, true)
    for (const relay of [...this.#relays]) relay.close()
    this.#timers.clear()
    this.#endings.close()
    this.#deadLetters.close()
    this.#state$.next('closed')
    this.#state$.complete()
    this.#reports.end()
  }

  #refuseHeld(): void {
    for (const each of [...this.#registry.all(), ...this.#relays]) each.refuseHeld(closedError())
  }

  /** It drains, and something is in hand: that may publish still. */
  get #isFinishing(): boolean {
    return this.#isDraining && (this.#dispatcher.isBusy || this.#drainWaiter.inFlight() > 0)
  }

  // What subscriptions need of their broker.

  get isClosing(): boolean {
    return this.#closed
  }

  after(delay: number, run: () => void): () => void {
    return this.#timers.after(delay, run)
  }

  now(): number {
    return this.#messages.now()
  }

  wake(subscription: Subscription): void {
    this.#dispatcher.wake(subscription)
  }

  paused(subscription: Subscription): void {
    this.#options.paused?.(subscription)
  }

  crowded(subscription: Subscription, isCrowded: boolean): void {
    this.#options.crowded?.(subscription, isCrowded)
  }

  abandonedPublisher(subscription: Subscription, { publisher, from }: Pause): void {
    const error = slow(subscription)
    if (this.#options.tellPublisher === undefined) this.report(error)
    else this.#options.tellPublisher(publisher, error, from)
  }

  drained(): void {
    this.#drainWaiter.check()
  }

  buried(subscription: Subscription, item: Item, error: unknown): boolean {
    const isDead = this.#deadLetters.bury(subscription.key, item, error)
    subscription.gone?.(item)
    return isDead
  }

  pushedOut(): void {
    this.#counts.dropped += 1
  }

  announce(envelope: Envelope, targets: readonly Subscription[]): void {
    if (this.#closed) return
    this.#dispatcher.enqueue(envelope, targets)
    this.#dispatcher.schedule()
  }

  checkOpen(): void {
    if (this.#closed) throw closedError()
  }

  unrouted(envelope: Envelope): void {
    this.#options.unrouted?.(envelope)
  }

  renewed({ rules }: Subscription): void {
    if (rules.name !== undefined) this.#options.nameChanged?.(rules.name, rules)
  }

  settled(): void {
    if (this.#closed) this.#drainWaiter.check()
  }

  abandoned(subscription: Subscription): void {
    this.#takeOff(subscription)
    const owed = subscription.end(false)
    if (subscription.isLentName) for (const { envelope } of owed) this.unrouted(envelope)
    this.#drainWaiter.linger(subscription, this.#dispatcher.isBusy)
  }
}
