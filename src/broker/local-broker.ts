import { BehaviorSubject, Subject, type Observable, type SchedulerLike } from 'rxjs'
import type {
  Broker,
  BusState,
  CloseOptions,
  Consumer,
  Membership,
  SubscriptionRequest,
} from '../bus/broker.js'
import type { DeadLetter, DeadLetterFilter, DeadLetters } from '../bus/dead-letters.js'
import { drainTimeout } from '../bus/drain-timeout.js'
import type { HostStatus, VanStatus } from '../bus/status.js'
import { ClosedError, MsgvanError, OutboxFullError, OverflowError, UnsupportedError } from '../errors.js'
import { Encoding, Envelope, noHeaders, type Headers } from '../message/envelope.js'
import type { Matcher } from '../message/pattern.js'
import { addCounts, noCounts } from './counters.js'
import { DeadLetterBox, type Buried } from './dead-letter-box.js'
import { DeadLetterView, unwrappedLetter } from './dead-letter-view.js'
import { HandOver, type HandOverOwner } from './hand-over.js'
import { HeldPublishes } from './held-publishes.js'
import type { Item } from './item.js'
import { Member } from './member.js'
import type { PatternTable } from './pattern-table.js'
import { Registry } from './registry.js'
import { StretchClock } from './stretch-clock.js'
import type { Subscription, SubscriptionOwner } from './subscription.js'
import { Timers } from './timers.js'

export interface LocalBrokerOptions {
  van: string
  /** Time for redelivery, deadlines and expiry. Its `now` should be monotonic. */
  scheduler: SchedulerLike
  /** Wall clock, for timestamps. Default `Date.now`. */
  wallClock?: () => number
  /** Runs something soon, outside the current call stack. Default `queueMicrotask`. */
  soon?: (run: () => void) => void
  /** How patterns are matched: natively for the app's own, in linear time for those that came over a link. */
  compile: (pattern: RegExp) => Matcher
  /** What a dead letter travels as. Default: the letter itself, for one process. */
  wrapLetter?: (
    letter: Omit<DeadLetter, 'payload'>,
    envelope: Envelope,
  ) => { body: unknown; size: number; encoding: Encoding }
  hostStatus: () => HostStatus
  /** How many publishes may be held back by `overflow: 'pause'`, or queued by handlers. Default 100,000. */
  maxHeld?: number
}

const done: Promise<void> = Promise.resolve()

/** The real Broker: routes, queues, hands out, settles and redelivers. Pure: no I/O, no timers but its scheduler's. */
export class LocalBroker implements Broker, SubscriptionOwner, HandOverOwner {
  readonly #options: LocalBrokerOptions
  readonly #maxHeld: number
  readonly #timers: Timers
  readonly #registry: Registry
  readonly #routes: PatternTable<Subscription>
  readonly #letters = new DeadLetterBox()
  readonly #held: HeldPublishes
  readonly #handOver: HandOver
  /** What the broker itself counts, and what subscriptions did that are gone. */
  readonly #counts = noCounts()
  readonly #clock: StretchClock
  readonly #state$ = new BehaviorSubject<BusState>('connected')
  readonly #errors$ = new Subject<MsgvanError>()
  readonly #publisher: string
  #sequence = 0
  /** Unnamed, and gone but for messages that their consumers took along: close() waits for these too. */
  readonly #lingering = new Set<Subscription>()
  #closed = false
  #onQuiet: (() => void) | undefined

  constructor(options: LocalBrokerOptions) {
    this.#options = options
    this.#maxHeld = options.maxHeld ?? 100_000
    this.#timers = new Timers(options.scheduler)
    this.#clock = new StretchClock(options.wallClock)
    this.#registry = new Registry(options.compile, this)
    this.#routes = this.#registry.routes
    this.#handOver = new HandOver(this, options.soon ?? queueMicrotask)
    const targetsOf = (envelope: Envelope) => this.#routes.match(envelope.topic)
    this.#held = new HeldPublishes(targetsOf, envelope => this.#takeOver(envelope, targetsOf(envelope)))
    this.#publisher = newPublisherId()
  }

  get state$(): Observable<BusState> {
    return this.#state$
  }

  get errors$(): Observable<MsgvanError> {
    return this.#errors$
  }

  /** Nobody is attached, nothing is registered by name, nothing is kept. */
  get isIdle(): boolean {
    return this.#registry.size === 0 && this.#held.size === 0 && this.#letters.size === 0
  }

  ready(): Promise<void> {
    return this.#closed ? Promise.reject(closedError()) : done
  }

  publish(topic: string, payload: unknown, headers: Headers): Promise<void> {
    const now = this.#clock.read()
    this.#sequence += 1
    return (
      this.accept(
        new Envelope(this.#publisher, this.#sequence, topic, headers, now, payload, 0, Encoding.Value),
      ) ?? done
    )
  }

  /**
   * @returns undefined when the message was taken over at once; otherwise a promise that resolves when it is (a
   *   subscription with `overflow: 'pause'` is full), or rejects
   */
  accept(envelope: Envelope): undefined | Promise<void> {
    const targets = this.#routes.match(envelope.topic)
    if (this.#closed || this.#held.size > 0 || this.#handOver.isBusy || isAnyFull(targets)) {
      const refused = this.#refuse(envelope, targets)
      if (refused !== undefined) return refused
    }
    this.#takeOver(envelope, targets)
    return undefined
  }

  /** Something is in the way: undefined if the message can be taken over at once all the same. */
  #refuse(envelope: Envelope, targets: readonly Subscription[]): undefined | Promise<void> {
    if (this.#closed) return Promise.reject(closedError())
    if (this.#held.has(envelope.topic)) return this.#hold(envelope, undefined)
    for (const target of targets) {
      if (!target.isFull) continue
      const { overflow } = target.rules
      if (overflow === 'pause') return this.#hold(envelope, target)
      if (overflow === 'error') {
        return Promise.reject(
          new OverflowError(
            `Subscription ${target.key} has ${target.pending} messages waiting, its maxPending. Publish again later.`,
          ),
        )
      }
    }
    if (this.#handOver.isBusy && this.#handOver.queued >= this.#maxHeld)
      return Promise.reject(outboxFull(this.#maxHeld))
    return undefined
  }

  #hold(envelope: Envelope, by: Subscription | undefined): Promise<void> {
    if (this.#held.size >= this.#maxHeld) return Promise.reject(outboxFull(this.#maxHeld))
    return this.#held.hold(envelope, by)
  }

  /** From here on the van owes it to every target. */
  #takeOver(envelope: Envelope, targets: readonly Subscription[]): void {
    this.#counts.published += 1
    this.#handOver.run(envelope, targets)
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const subscription = this.#subscriptionFor(request, consumer)
    if (subscription === undefined) {
      // Refused: a place in a subscription that never was, so that leaving it does nothing.
      const nowhere = new Member(this.#registry.create(request), consumer, request)
      nowhere.end()
      return nowhere
    }
    const member = new Member(subscription, consumer, request)
    subscription.join(member)
    return member
  }

  /** The one of that name, or a new one; undefined when it was refused, and the consumer told. */
  #subscriptionFor(request: SubscriptionRequest, consumer: Consumer): Subscription | undefined {
    try {
      if (this.#closed) throw closedError()
      return this.#registry.open(request)
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
   * @throws InvalidPatternError
   */
  replace(request: SubscriptionRequest & { readonly name: string }): void {
    if (this.#closed) throw closedError()
    const before = this.#registry.byName(request.name)
    if (before !== undefined && !before.hasPattern(request.pattern)) {
      // Refused before anything is taken away.
      this.#registry.checkMatchable(request.pattern)
      this.#remove(before, true)
    }
    this.#registry.open(request).rules = request
  }

  unsubscribe(name: string): Promise<boolean> {
    if (this.#closed) return Promise.reject(closedError())
    const subscription = this.#registry.byName(name)
    if (subscription === undefined) return Promise.resolve(false)
    this.#remove(subscription, true)
    return Promise.resolve(true)
  }

  #remove(subscription: Subscription, completeMembers: boolean): void {
    this.#registry.remove(subscription)
    this.#handOver.forget(subscription)
    subscription.countInto(this.#counts)
    subscription.end(completeMembers)
  }

  subscribeHandler(): Promise<void> {
    return Promise.reject(
      new UnsupportedError(
        'An embedded bus has no host to run handlers in. Subscribe here, or use van() without `embedded`.',
      ),
    )
  }

  status(): Promise<VanStatus> {
    if (this.#closed) return Promise.reject(closedError())
    const host = this.#options.hostStatus()
    const all = this.#registry.all()
    const subscriptions = all.map(subscription => subscription.status())
    const counters = { ...this.#counts }
    for (const { counts } of all) addCounts(counters, counts)
    return Promise.resolve({
      van: this.#options.van,
      host,
      hosts: [host],
      subscriptions,
      actors: [],
      counters,
    })
  }

  deadLetters(): DeadLetters {
    return new DeadLetterView(this.#letters, {
      check: () => {
        if (this.#closed) throw closedError()
      },
      replayOne: buried => this.#replay(buried),
    })
  }

  /** The dead letters as they are kept, for a host that passes payloads on unread. */
  keptLetters(filter?: DeadLetterFilter): Buried[] {
    return this.#letters.list(filter)
  }

  /** Back to the subscription that it came from, if that is still there. */
  #replay({ envelope, letter }: Buried): boolean {
    const subscription = this.#registry.byKey(letter.subscription)
    subscription?.replay(envelope)
    return subscription !== undefined
  }

  report(error: MsgvanError): void {
    this.#errors$.next(error)
  }

  async close({ drain = true, timeout = 10_000 }: CloseOptions = {}): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const subscription of this.#registry.all()) subscription.changed()
    this.#held.rejectAll(closedError())
    if (drain && !(await this.#quiet(timeout))) this.#errors$.next(drainTimeout(timeout, 0, this.#inFlight()))
    for (const subscription of this.#registry.all()) this.#remove(subscription, true)
    this.#timers.clear()
    this.#letters.close()
    this.#state$.next('closed')
    this.#state$.complete()
    this.#errors$.complete()
  }

  /** Resolves with whether everything handed out was settled in time. */
  #quiet(timeout: number): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (isQuiet: boolean): void => {
        this.#onQuiet = undefined
        cancel()
        resolve(isQuiet)
      }
      const cancel = this.#timers.after(timeout, () => finish(false))
      this.#onQuiet = () => finish(true)
      this.#checkQuiet()
    })
  }

  #inFlight(): number {
    let sum = 0
    for (const subscription of this.#registry.all()) sum += subscription.inFlight
    for (const subscription of this.#lingering) sum += subscription.inFlight
    return sum
  }

  #checkQuiet(): void {
    if (this.#onQuiet === undefined || !this.#handOver.isDrained) return
    for (const subscription of this.#registry.all()) if (subscription.inFlight > 0) return
    for (const subscription of this.#lingering) if (subscription.inFlight > 0) return
    this.#onQuiet()
  }

  // What subscriptions need of their broker.

  get isClosing(): boolean {
    return this.#closed
  }

  after(delay: number, run: () => void): () => void {
    return this.#timers.after(delay, run)
  }

  now(): number {
    return this.#clock.read()
  }

  wake(subscription: Subscription): void {
    this.#handOver.wake(subscription)
  }

  roomAgain(subscription: Subscription): void {
    if (subscription.holdsBack.size === 0) return
    this.#held.roomAt(subscription)
    this.#handOver.schedule()
  }

  drained(): void {
    this.#checkQuiet()
  }

  routed(subscription: Subscription): void {
    if (!subscription.isFull) this.#held.roomAt(subscription)
  }

  buried(subscription: Subscription, item: Item, error: unknown): void {
    // A dead letter's own failure makes no new one.
    if (item.envelope.topic.startsWith('$dead/')) return
    const { buried, pushedOut } = this.#letters.bury(subscription, item, error, this.now())
    if (pushedOut !== undefined) this.#counts.dropped += 1
    this.#announce(subscription.key, buried)
  }

  #announce(key: string, { envelope, letter }: Buried): void {
    const topic = `$dead/${key}`
    const targets = this.#routes.match(topic)
    if (targets.length === 0 || this.#closed) return
    const wrap = this.#options.wrapLetter ?? unwrappedLetter
    const { body, size, encoding } = wrap(letter, envelope)
    this.#sequence += 1
    const now = this.now()
    const from = this.#publisher
    this.#handOver.enqueue(
      new Envelope(from, this.#sequence, topic, noHeaders, now, body, size, encoding),
      targets,
    )
    this.#handOver.schedule()
  }

  settled(): void {
    if (this.#onQuiet !== undefined) this.#checkQuiet()
  }

  abandoned(subscription: Subscription): void {
    this.#remove(subscription, false)
    for (const each of this.#lingering) if (each.inFlight === 0) this.#lingering.delete(each)
    if (this.#handOver.isBusy || subscription.inFlight > 0) this.#lingering.add(subscription)
  }
}

/** (Not `some`: this runs once per message.) */
function isAnyFull(targets: readonly Subscription[]): boolean {
  for (let at = 0; at < targets.length; at += 1) if (targets[at]?.isFull === true) return true
  return false
}

function closedError(): ClosedError {
  return new ClosedError('This bus is closed. Make a new one with van().')
}

function outboxFull(most: number): OutboxFullError {
  return new OutboxFullError(
    `${most} publishes wait already, as many as may. Await publish() so that you are slowed down.`,
  )
}

function newPublisherId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(9))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
