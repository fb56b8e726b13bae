import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import { LocalBroker, type LocalBrokerOptions } from '../../broker/local-broker.js'
import { monotonicScheduler } from '../../broker/clock/monotonic-scheduler.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Counters, HostStatus } from '../../bus/contract/status.js'
import { UnsupportedError, type MsgvanError } from '../../errors.js'
import { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import type { Envelope } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { encodeLetter } from '../../codec/payload.js'
import { newId } from '../../message/new-id.js'
import { isOwnMailbox } from '../../message/topic.js'
import type { OutboundLog } from '../../broker/durable/durable-log.js'
import { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { Subscription } from '../../broker/subscription/subscription.js'
import type { Missed } from '../../wire/missed.js'
import { mailRules } from './mail.js'
import { AnswersAwaiting } from '../calls/answers-awaiting.js'
import type { Backbone } from '../backbone/contract/backbone.js'
import type { HostQueue } from '../backbone/contract/host-queue.js'
import type { HostRef, Reach } from '../backbone/contract/reach.js'
import type { ReachingVan } from '../backbone/contract/reaching-van.js'
import type { Sights } from '../backbone/contract/sights.js'
import { Publisher } from '../session/publisher.js'
import { outlivesHost, type NamedRequest, type NameRegister } from './kept-names.js'
import { RecentMap } from './recent-map.js'
import { ServedNames } from './served-names.js'
import { SettledBefore } from '../session/settled-before.js'
import { missingError } from '../store/missing-error.js'
import type { HostStore } from '../store/host-store.js'
import type { HostStanding, VanStanding } from '../store/standing.js'
import { noMark } from '../store/records/publisher-mark.js'
import type { VanStore } from '../store/van-store.js'

/** The number of former publishers that it remembers, so that their repeated messages make no duplicates. */
const PUBLISHERS_REMEMBERED = 10_000

/** Of all former publishers: refusals that they do not know of. */
const REFUSALS_REMEMBERED = 200_000

/** The shortest time between two warnings about one slow subscription. */
const WARN_EVERY_MS = 60_000

/** The number of unused vans whose counters it remembers: names cost memory. */
const VANS_REMEMBERED = 1_000

export interface VansOptions {
  readonly hostStatus: () => HostStatus
  readonly backbone: () => Backbone
  /** The prefix of this host's subscription ids. Default: none. */
  readonly idPrefix?: string | undefined
  /** Identifies the memory, so that clients know whether it still has their messages. */
  readonly memory: () => string | undefined
  /** Records named subscriptions. Default: none. */
  readonly names?: NameRegister | undefined
  /** The memory of the host. */
  readonly budget: ByteBudget
  /** Bytes of waiting messages in one van. */
  readonly vanMemory: number
  /** Whether the maker of a subscription may see a topic. */
  readonly sees?: LocalBrokerOptions['sees']
  /** What principals of this host may see, for a leader. */
  readonly sights: Sights
  readonly warn?: ((text: string) => void) | undefined
  /** Answers for this host alone. */
  readonly answer: (van: Van, method: string, args: unknown) => Promise<unknown>
}

/** Reports errors to one client that no call could report. */
export interface Notices {
  error(error: MsgvanError): void
  /** Messages of another host may be lost, or have passed this one by. */
  missed(missed: Missed): void
  /** It has messages that are not settled. */
  holdsMessages(): boolean
}

type ReachOptions = Pick<VansOptions, 'answer' | 'sights'>

type HomedRequest = Pick<SubscriptionRequest, 'name' | 'from' | 'isResumed'>

/** Each host has it for itself. */
function isOfThisHost({ name, from, isResumed }: HomedRequest): boolean {
  return name === undefined ? from === undefined && isResumed !== true : isOwnMailbox(name)
}

/** One van in this host: its broker, its way to other hosts, and the last message of each former publisher. */
export class Van {
  readonly broker: LocalBroker
  readonly reach: Reach
  /** Of its waiting messages. */
  readonly budget: ByteBudget
  readonly settled = new SettledBefore()
  /** The next host knows the named subscriptions from this moment on. */
  readonly writeNames: () => void
  /** The notices of present clients, by the names of their publishers. */
  readonly notices = new Map<string, Notices>()
  /** For clients of the last host. */
  readonly #answers = new AnswersAwaiting()
  #lostElsewhere: MsgvanError | undefined
  #warnedAt: WeakMap<Subscription, number> | undefined
  readonly #memory: () => string | undefined
  readonly #publishers = new RecentMap<string, Publisher>({
    max: PUBLISHERS_REMEMBERED,
    maxWeight: REFUSALS_REMEMBERED,
    weigh: ({ refusals }) => refusals,
  })
  readonly #served = new ServedNames()
  /** Clients of the host before this one, which goes on at the leader. */
  readonly goingOn = new Set<string>()

  constructor(
    readonly name: string,
    {
      hostStatus,
      idPrefix = '',
      backbone,
      answer,
      names,
      memory,
      sees,
      sights,
      warn,
      budget,
      vanMemory,
    }: VansOptions,
    readonly vanStore?: VanStore,
    outbox?: () => OutboundLog,
    counted?: Readonly<Counters>,
  ) {
    const rules = mailRules(
      () => broker,
      envelope => this.#answers.keep(envelope),
    )
    this.budget = new ByteBudget(vanMemory, budget)
    const broker: LocalBroker = new LocalBroker({
      budget: this.budget,
      isWorking: publisher => this.notices.get(publisher)?.holdsMessages() === true,
      // No copies of objects: each would have a hidden class of its own.
      takeBack: rules.takeBack,
      unrouted: (envelope, why) => {
        if (!this.#answers.keep(envelope)) rules.unrouted?.(envelope, why)
      },
      // Not before it can be reached.
      coming: (envelope): Promise<void> | undefined => this.reach.awaitActor?.(envelope),
      ...{ van: name, publisherPrefix: backbone().publisherPrefix },
      scheduler: monotonicScheduler,
      compile: linearMatcher,
      hostStatus,
      sees,
      counted,
      idPrefix,
      newIncarnation: newId,
      nameChanged: names && ((changed, rules) => names.changed(name, changed, rules)),
      durableLog: vanStore,
      paused: subscription => this.#warn(subscription, warn),
      crowded: ({ id, rules: { pattern } }, isCrowded) => this.reach.crowded?.(id, pattern, isCrowded),
      tellPublisher: (publisher, error, from) => {
        if (from === undefined) this.notices.get(publisher)?.error(error)
        else this.reach.tellPublisher?.(from, publisher, error)
      },
      wrapLetter: (letter, envelope) => {
        const body = encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding)
        return { body, size: body.length, encoding: Encoding.Letter }
      },
    })
    this.broker = broker
    this.#memory = memory
    this.writeNames = () => names?.write()
    this.reach = backbone().reach(this.#reaching({ answer, sights }, outbox))
  }

  /** This van, as its reach uses it. */
  #reaching({ answer, sights }: ReachOptions, outbox?: () => OutboundLog): ReachingVan {
    const { name, broker, vanStore } = this
    return {
      name,
      sights,
      isKept: vanStore !== undefined,
      kept: () => this.kept(),
      marks: vanStore?.seenMarks,
      accept: envelope => broker.accept(envelope),
      awaitRoom: (envelope, from) => broker.awaitRoom(envelope, from),
      openQueue: (consumer): HostQueue => broker.relay(consumer, outbox?.()),
      reroute: envelope => broker.reroute(envelope),
      resume: (...waiting) => broker.transfer.goOn(...waiting),
      watchPatterns: watcher => broker.watchPatterns(watcher),
      acceptFrom: (from, envelope, isAnswered) => this.acceptFrom(from, envelope, isAnswered),
      arrived: topic => this.takeAnswers(topic),
      answer: (method, args) => answer(this, method, args),
      tellPublisher: (publisher, error) => this.notices.get(publisher)?.error(error),
      misses: error => this.#misses(error),
      missed: missed => hasMissed(this, missed),
    }
  }

  /** Now and then, for one that is full again and again. */
  #warn(subscription: Subscription, warn: VansOptions['warn']): void {
    const now = performance.now()
    this.#warnedAt ??= new WeakMap()
    if (now - (this.#warnedAt.get(subscription) ?? -Infinity) < WARN_EVERY_MS) return
    this.#warnedAt.set(subscription, now)
    const { members, pending, pendingBytes } = subscription
    const who = members.size === 0 ? 'has no consumer' : `has ${members.size} consumers that are too slow`
    warn?.(
      `van ${this.name}: the subscription ${subscription.key} is full (${pending} messages, ${pendingBytes} bytes) and ${who}: ` +
        'publishers wait for it',
    )
  }

  /** Like the broker's: undefined when it is taken over at once. With a store it counts when `kept` resolves. */
  accept(envelope: Envelope): undefined | Promise<void> {
    return this.reach.accept(this.vanStore === undefined ? envelope : StoredEnvelope.of(envelope))
  }

  /** Accepts a message of another host. */
  acceptFrom(
    from: HostRef,
    envelope: Envelope,
    isAnswered: boolean,
  ): undefined | Promise<void> | MsgvanError {
    const taken = this.vanStore === undefined ? envelope : StoredEnvelope.of(envelope)
    return this.broker.acceptFrom(from, taken, isAnswered)
  }

  /**
   * A message comes again that has been stored since before the start: its publisher waits while its subscriptions are
   * too full.
   */
  awaitRoom(envelope: Envelope): undefined | Promise<void> {
    return this.broker.awaitRoom(envelope)
  }

  /** The losses of a damaged store, here or at the host with this van's store: every client gets them. */
  get lost(): MsgvanError | undefined {
    const missing = this.vanStore?.missing ?? []
    return missing.length > 0 ? missingError(this.name, missing) : this.#lostElsewhere
  }

  /** The last host had clients: answers to them wait until they are back, or their time is over. */
  awaitAskers(): void {
    this.#answers.begin()
  }

  askersHadTheirTime(): void {
    this.#answers.end()
    this.goingOn.clear()
  }

  /** Hands over the answers for the client that now has this address. */
  takeAnswers(topic: RegExp | string): void {
    for (const envelope of this.#answers.take(topic)) this.broker.accept(envelope)?.catch(() => undefined)
  }

  /** Reports a new loss to clients. */
  tellLost(): void {
    const { lost } = this
    if (lost !== undefined) for (const client of this.notices.values()) client.error(lost)
  }

  /** The host with this van's store reports a loss. */
  #misses(error: MsgvanError): void {
    if (error.message === this.#lostElsewhere?.message) return
    this.#lostElsewhere = error
    for (const client of this.notices.values()) client.error(error)
  }

  /** The error for a publish of this size without room for it. */
  refusalOf(bytes: number): MsgvanError | undefined {
    return this.vanStore?.refusalOf(bytes)
  }

  /** Resolves when everything so far is on the disk; undefined if it is, or without a store. */
  kept(): Promise<void> | undefined {
    return this.vanStore?.kept()
  }

  /**
   * The broker of a subscription. Named ones, and those with a replay, are at one host of the van. Mailboxes are with
   * their actors, except those of actors on several hosts.
   */
  home(request: HomedRequest): Pick<LocalBroker, 'consume'> {
    const { names } = this.reach
    return names === undefined || isOfThisHost(request) ? this.broker : names
  }

  /** Removes a named subscription at its home. */
  unsubscribe(name: string): Promise<boolean> {
    const { names } = this.reach
    if (names !== undefined && !isOwnMailbox(name)) return names.unsubscribe(name)
    this.#served.unsubscribed(name)
    return this.broker.control.unsubscribe(name)
  }

  /** Identifies the memory, or the store, of named subscriptions, if it is here. */
  get memory(): string | undefined {
    return this.reach.names === undefined ? this.#memory() : undefined
  }

  /** A client's unnamed subscriptions continue: they missed nothing, here or elsewhere. */
  knows(client: string): boolean | undefined {
    if (this.vanStore === undefined) return undefined
    return this.reach.names === undefined ? this.vanStore.knows(client) : this.goingOn.has(client)
  }

  /**
   * Registers the named subscription of a handler or an actor, and replaces the one of that name.
   *
   * @returns since when it has the name
   * @throws InvalidPatternError, UnsupportedError (`from` without a store), NameTakenError (it is back, and too late)
   */
  replace(request: NamedRequest): Promise<number | undefined> {
    const { names } = this.reach
    return names === undefined ? this.#served.replace(request, this) : names.replace(request)
  }

  async close(): Promise<void> {
    this.reach.close?.()
    await this.broker.close({ drain: false })
    this.budget.close()
  }

  /** The last messages of publishers whose sessions ended; the one that left first comes first. */
  publishers(): Iterable<[string, Publisher]> {
    return this.#publishers
  }

  /** A publisher whose session ended, or a new one. @param key see `markKey` */
  publisher(key: string): Publisher {
    return this.#publishers.get(key) ?? new Publisher(this.vanStore?.mark(key) ?? noMark, false)
  }

  /** Its session ended: it may come back. */
  remember(key: string, publisher: Publisher): void {
    if (publisher.hasPublished) this.#publishers.set(key, publisher)
  }
}

/**
 * A host's vans. It makes a van on demand, and drops it, except its counters, when it has neither clients nor messages.
 */
export class Vans {
  readonly #options: VansOptions
  #store: HostStore | undefined
  readonly #vans = new Map<string, Van>()
  readonly #counted = new RecentMap<string, Counters>({ max: VANS_REMEMBERED })

  constructor(options: VansOptions) {
    this.#options = options
  }

  /** Restores all vans of the store, which keeps everything from now on. */
  restore(store: HostStore): void {
    if (this.#vans.size > 0) throw new Error('a van was there before its store')
    this.#store = store
    const standing = store.takeStanding()
    // The introduction to the leader is made with the first reach.
    if (standing !== undefined) this.#options.backbone().goOn?.(standing.host)
    for (const name of store.vans) {
      const { broker, vanStore } = this.get(name)
      const { subscriptions, letters } = vanStore?.load() ?? { subscriptions: [], letters: [] }
      broker.transfer.restore(subscriptions, letters)
      this.get(name).awaitAskers()
    }
    for (const each of standing?.vans ?? []) goOn(this.get(each.van), each)
    store.accounted()
    store.missed = name => this.#vans.get(name)?.tellLost()
  }

  /**
   * Keeps it for the next host with this store, if there is one.
   *
   * @param abandon called first: from then on nothing is taken from the leader
   */
  async keepStanding(standing: HostStanding, abandon: () => void): Promise<void> {
    if (this.#store === undefined) return
    abandon()
    await this.#store.keepStanding(standing)
  }

  /**
   * This host's standing with its leader.
   *
   * @param clients the present ones of a van
   */
  standing(clients: (van: string) => string[]): VanStanding[] {
    return [...this.#vans.values()].flatMap(({ name, reach }) => {
      const { outgoing } = reach.memory ?? {}
      return outgoing === undefined ? [] : [{ ...outgoing.standing, van: name, clients: clients(name) }]
    })
  }

  /**
   * Clients of the last host have had their time to come back.
   *
   * @returns whether some are still awaited
   */
  endOrphans(isAwaited: (van: string, client: string) => boolean): boolean {
    let areAwaited = false
    for (const van of this.#vans.values()) {
      if (van.broker.transfer.endOrphans(client => isAwaited(van.name, client))) areAwaited = true
      van.askersHadTheirTime()
    }
    return areAwaited
  }

  get(name: string): Van {
    let van = this.#vans.get(name)
    if (van === undefined) {
      const store = this.#store
      const outbox = store && (() => store.outbox(name))
      van = new Van(name, this.#options, store?.van(name), outbox, this.#counted.get(name))
      this.#vans.set(name, van)
    }
    return van
  }

  /**
   * @throws UnsupportedError if there is a store, which keeps everything
   */
  checkMemory(): void {
    if (this.#store !== undefined)
      throw new UnsupportedError(
        'This host has a store, which the next one opens: there is nothing to hand over.',
      )
  }

  all(): Iterable<Van> {
    return this.#vans.values()
  }

  /** The rights of these principals have changed: earlier answers about visible topics do not hold. */
  renewRights(principals: readonly string[]): void {
    for (const { broker, reach } of this.#vans.values()) {
      broker.forgetTopics()
      reach.names?.renewRights(principals)
    }
  }

  /** Publishes to the subscribers of this host, in all vans. */
  publishHere(topic: string, payload: unknown): void {
    for (const { broker } of this.#vans.values()) broker.system.publishHere(topic, payload)
  }

  /** The number of subscriptions with a name that a principal made here. */
  namesOf(principal: string): number {
    let count = 0
    for (const { broker } of this.#vans.values())
      for (const { rules } of broker.transfer.subscriptions())
        if (rules.principal === principal && rules.name !== undefined && outlivesHost(rules.name, rules))
          count += 1
    return count
  }

  get names(): string[] {
    return [...this.#vans.keys()]
  }

  /** None of them has a subscription, a dead letter or a waiting publish. */
  get isIdle(): boolean {
    return [...this.#vans.values()].every(({ broker }) => broker.isIdle)
  }

  /**
   * @param used those with clients
   */
  sweep(used: ReadonlySet<string>): void {
    for (const [name, van] of this.#vans) {
      if (!van.broker.isIdle || used.has(name) || this.#options.backbone().homes?.includes(name) === true)
        continue
      this.#vans.delete(name)
      this.#counted.set(name, van.broker.counters)
      void van.close()
    }
  }

  /** From now on nothing is written: messages that end with this process stay owed. */
  async freeze(): Promise<void> {
    await this.#store?.freeze()
  }

  async close(): Promise<void> {
    const vans = [...this.#vans.values()]
    this.#vans.clear()
    await Promise.all(vans.map(van => van.close()))
  }
}

/** Continues at the leader in the place of the last host. */
function goOn({ reach, goingOn }: Van, standing: VanStanding): void {
  const { outgoing } = reach.memory ?? {}
  if (outgoing === undefined) return
  outgoing.goOn(standing)
  for (const client of standing.clients) goingOn.add(client)
}

/** Its clients learn of it, also those that are not back yet. */
function hasMissed({ notices, goingOn }: Van, missed: Missed): void {
  goingOn.clear()
  for (const client of notices.values()) client.missed(missed)
}
