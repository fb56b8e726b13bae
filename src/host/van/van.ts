import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import { LocalBroker, type LocalBrokerOptions } from '../../broker/local-broker.js'
import { monotonicScheduler } from '../../broker/clock/monotonic-scheduler.js'
import type { Control } from '../../bus/contract/control.js'
import type { StateBroker } from '../../bus/contract/control.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Counters, HostStatus } from '../../bus/contract/status.js'
import type { MsgvanError } from '../../errors.js'
import { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import type { Envelope } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { encodeLetter, encodePayload } from '../../codec/payload.js'
import { newId } from '../../message/new-id.js'
import { isOwnMailbox } from '../../message/topic.js'
import type { OutboundLog } from '../../broker/durable/durable-log.js'
import type { LetterMemory } from '../../broker/dead-letters/letter-memory.js'
import { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { AskedOfHosts, GotArgs } from '../../wire/calls/calls.js'
import type { Missed } from '../../wire/missed.js'
import { mailRules } from './mail.js'
import { AnswersAwaiting } from '../calls/answers-awaiting.js'
import type { Backbone } from '../backbone/contract/backbone.js'
import type { HostQueue } from '../backbone/contract/host-queue.js'
import type { HostRef } from '../../bus/contract/hosts.js'
import type { Reach } from '../backbone/contract/reach.js'
import type { ReachingVan } from '../backbone/contract/reaching-van.js'
import type { Sights } from '../backbone/contract/sights.js'
import { FormerPublishers } from './former-publishers.js'
import { warnOfFull } from './full-warning.js'
import type { NamedRequest, NameRegister } from './names-file.js'
import { Losses } from './losses.js'
import { ServedNames } from './served-names.js'
import { SettledBefore } from '../session/settled-before.js'
import type { VanStore } from '../store/van-store.js'

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
  /** Of the dead letters in all vans. */
  readonly letterMemory: LetterMemory
  /** Milliseconds during which an id of a publish is remembered. Default: the broker's. */
  readonly dedupe?: number | undefined
  /** Whether the maker of a subscription may see a topic. */
  readonly sees?: LocalBrokerOptions['sees']
  /** What principals of this host may see, for a leader. */
  readonly sights: Sights
  readonly warn?: ((text: string) => void) | undefined
  /** Answers for this host alone. */
  readonly answer: <N extends AskedOfHosts>(van: Van, name: N, args: GotArgs<N>) => Promise<unknown>
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
  /** For clients of the previous host. */
  readonly #answers = new AnswersAwaiting()
  readonly losses: Losses
  readonly #memory: () => string | undefined
  readonly publishers: FormerPublishers
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
      letterMemory,
      dedupe,
    }: VansOptions,
    readonly vanStore?: VanStore,
    outboundLog?: () => OutboundLog,
    counted?: Readonly<Counters>,
  ) {
    const rules = mailRules(
      () => broker,
      envelope => this.#answers.keep(envelope),
    )
    this.budget = new ByteBudget(vanMemory, budget)
    this.publishers = new FormerPublishers(vanStore)
    this.losses = new Losses(name, vanStore, this.notices)
    const broker: LocalBroker = new LocalBroker({
      ...{ budget: this.budget, dedupe },
      isWorking: publisher => this.notices.get(publisher)?.holdsMessages() === true,
      // No copies of objects: each would have a hidden class of its own.
      takeBack: rules.takeBack,
      unrouted: (envelope, why) => {
        if (!this.#answers.keep(envelope)) rules.unrouted?.(envelope, why)
      },
      // Not before it can be reached.
      coming: (envelope): Promise<void> | undefined => this.reach.awaitActor?.(envelope),
      ...{ van: name, letterMemory, publisherPrefix: backbone().publisherPrefix },
      scheduler: monotonicScheduler,
      compile: linearMatcher,
      ...{ hostStatus, sees },
      counted,
      idPrefix,
      newIncarnation: newId,
      nameChanged: names && ((changed, rules) => names.changed(name, changed, rules)),
      durableLog: vanStore,
      paused: warnOfFull(name, warn),
      crowded: ({ id, rules: { pattern } }, isCrowded) => this.reach.crowded?.(id, pattern, isCrowded),
      tellPublisher: (publisher, error, from) => {
        if (from === undefined) this.notices.get(publisher)?.error(error)
        else this.reach.tellPublisher?.(from, publisher, error)
      },
      ...{ wrapLetter, wrapNews, stateKeeper: vanStore?.states },
    })
    this.broker = broker
    this.#memory = memory
    this.writeNames = () => names?.write()
    this.reach = backbone().reach(this.#reaching({ answer, sights }, outboundLog))
  }

  /** This van, as its reach uses it. */
  #reaching({ answer, sights }: ReachOptions, outboundLog?: () => OutboundLog): ReachingVan {
    const { name, broker, vanStore } = this
    return {
      name,
      sights,
      isKept: vanStore !== undefined,
      kept: () => this.kept(),
      marks: vanStore?.seenMarks,
      accept: envelope => broker.accept(envelope),
      awaitRoom: (envelope, from) => broker.awaitRoom(envelope, from),
      openQueue: (consumer): HostQueue => broker.relay(consumer, outboundLog?.()),
      reroute: envelope => broker.reroute(envelope),
      resume: (...waiting) => broker.transfer.resume(...waiting),
      watchPatterns: watcher => broker.watchPatterns(watcher),
      blockOf: bytes => broker.memory.blockOf(bytes),
      acceptFrom: (from, envelope, isAnswered) => this.acceptFrom(from, envelope, isAnswered),
      arrived: topic => this.takeAnswers(topic),
      answer: (name, args) => answer(this, name, args),
      tellPublisher: (publisher, error) => this.notices.get(publisher)?.error(error),
      misses: error => this.losses.reportElsewhere(error),
      missed: missed => hasMissed(this, missed),
    }
  }

  /** Like the broker's: undefined when it is accepted at once. With a store it counts when `kept` resolves. */
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

  /** The previous host had clients: answers to them wait until they are back, or their time is over. */
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
    const control = this.controlOf(name)
    if (control !== this.reach.names) this.#served.unsubscribed(name)
    return control.unsubscribe(name)
  }

  /** The place that decides about a named subscription: its home. */
  controlOf(name: string): Pick<Control, 'unsubscribe' | 'pause'> {
    const { names } = this.reach
    return names !== undefined && !isOwnMailbox(name) ? names : this.broker.control
  }

  /** The place that decides about the states of the van. */
  get states(): StateBroker {
    return this.reach.names?.states ?? this.broker.control.states
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
}

const wrapLetter: NonNullable<LocalBrokerOptions['wrapLetter']> = (letter, envelope) => {
  const body = encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding)
  return { body, size: body.length, encoding: Encoding.Letter }
}

const wrapNews: NonNullable<LocalBrokerOptions['wrapNews']> = news => {
  const body = encodePayload(news)
  return { body, size: body.length, encoding: Encoding.Bytes }
}

/** Its clients learn of it, also those that are not back yet. */
function hasMissed({ notices, goingOn }: Van, missed: Missed): void {
  goingOn.clear()
  for (const client of notices.values()) client.missed(missed)
}
