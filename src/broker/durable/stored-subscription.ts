import type { Consumer } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { Encoding } from '../../codec/encoding.js'
import type { Envelope, Headers } from '../../message/envelope.js'
import type { RetryRule } from '../../message/message.js'
import type { Matcher } from '../../message/pattern.js'
import { isTransientTopic } from '../../message/topic.js'
import { isRequestPattern } from '../../message/pattern.js'
import { Item } from '../subscription/backlog/item.js'
import type { KeyLanes } from '../subscription/backlog/key-lanes.js'
import { REPLAYED, type Cursor, type DurableLog } from './durable-log.js'
import type { LocalBrokerOptions } from '../local-broker-options.js'
import { Member } from '../subscription/member.js'
import type { MessageFactory } from '../routing/message-factory.js'
import type { MakeSubscription } from '../lifecycle/registry.js'
import { placeOf, type StoredEnvelope } from './stored-envelope.js'
import type { Pause } from '../subscription/backlog/pause.js'
import { MatchInLog } from './match-in-log.js'
import { LogQueue } from './log-queue.js'
import { openAtStart } from './open-at-start.js'
import { StoredMember } from './stored-member.js'
import { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'
import { wantingOf } from '../wanting.js'

export interface StoredSubscriptionOptions {
  readonly id: string
  readonly request: SubscriptionRequest
  readonly owner: SubscriptionOwner<Subscription>
  readonly durableLog: DurableLog
  readonly compile: (pattern: RegExp) => Matcher
  readonly cursor: Cursor
}

/** A durable subscription: its messages outlive this process. */
export class StoredSubscription extends Subscription {
  readonly #cursor: Cursor
  readonly #log: DurableLog
  readonly #match: MatchInLog
  readonly #stored: LogQueue
  /** Before it took in anything. */
  #owedBefore: ReadonlySet<string> | undefined
  /** It is removed, and gives up its messages. */
  #isRetired = false

  constructor({ id, request, owner, durableLog, compile, cursor }: StoredSubscriptionOptions) {
    const match = new MatchInLog(request)
    const queue = new LogQueue({
      durableLog,
      wants: wantingOf(request, compile, match),
      first: openAtStart(cursor, durableLog),
      from: cursor.high + 1,
      liveFrom: cursor.liveFrom,
      droppedThrough: cursor.droppedThrough,
      unread: cursor.waiting,
      unreadBytes: cursor.waitingBytes,
      isWhole: throwsAway(request),
      readLater: () => owner.after(0, () => this.wake()),
      isWorking: () => this.inFlight > 0,
      areMissing: (count, bytes) => {
        this.#waitsNoMore(count, bytes)
        cursor.changed()
        this.backpressure.fewerWait()
      },
    })
    super(id, request, owner, queue)
    this.#cursor = cursor
    this.#log = durableLog
    this.#match = match
    this.#stored = queue
    cursor.refused = envelopes => this.#refused(envelopes)
  }

  protected override renew(rules: SubscriptionRequest): void {
    this.#stored.isWhole = throwsAway(rules)
    super.renew(this.#match.renew(rules, () => this.#log.extent.end, this.#cursor.high))
    this.#cursor.renew(this.rules)
  }

  get isEnding(): boolean {
    return this.#log.isEnding
  }

  override registered(): void {
    this.#cursor.changed()
    this.backpressure.holdAgain(this.#stored.unread)
  }

  override newMember(consumer: Consumer, request: SubscriptionRequest): Member {
    return new StoredMember(this, consumer, request)
  }

  override take(envelope: Envelope, pause?: Pause): void {
    const at = placeOf(envelope)
    if (at !== undefined) this.#arrived(at, envelope.size)
    super.take(envelope, pause)
  }

  /** A message needs its envelope here, which has its place in the log. */
  override takeStraight(messages: MessageFactory, topic: string, headers: Headers, payload: unknown): void {
    this.take(messages.envelope(topic, headers, payload, 0, Encoding.Value))
  }

  override redrive(envelope: Envelope): void {
    super.redrive(this.#cursor.owe(envelope))
  }

  /**
   * Messages of another process come beyond the log, each once: an earlier process may have taken them in and died
   * before it could report that.
   */
  override takenIn(item: Item): Item | undefined {
    this.#owedBefore ??= new Set(this.#cursor.owed().map(({ id }) => id))
    if (this.#owedBefore.has(item.envelope.id)) return undefined
    const own = new Item(this.#cursor.owe(item.envelope), item.order)
    const { failures, deliveries, firstFailedAt, attempts } = item
    return Object.assign(own, { failures, deliveries, firstFailedAt, attempts })
  }

  override failed(item: Item, error: unknown, retry: RetryRule | undefined): void {
    const at = placeOf(item.envelope)
    // Enter it before: the call may give up on it.
    if (at !== undefined && at > 0) this.#cursor.open.set(at, item.failures + 1)
    this.#cursor.changed()
    super.failed(item, error, retry)
  }

  override gone({ envelope }: Item): void {
    const at = placeOf(envelope)
    // It was never handed out.
    if (at !== undefined && at > this.#cursor.high) this.#passed(at, envelope.size)
    this.settled(envelope)
  }

  /** Messages in the log are counted by their pattern alone, since rights change. Hidden ones are left out in their turn. */
  override isRouted(): boolean {
    return true
  }

  protected override get isFilteredBefore(): boolean {
    return false
  }

  /** The next process finds it among the deliveries. */
  protected override setAside(envelope: Envelope): void {
    this.handed(envelope)
  }

  /** The next process finds it before all others, as one that was never handed out. */
  override waitsForKey(envelope: Envelope): void {
    const at = placeOf(envelope)
    const cursor = this.#cursor
    if (at === undefined || at <= cursor.high) return
    cursor.open.set(at, REPLAYED)
    this.#passed(at, envelope.size)
    cursor.changed()
  }

  override endKept(reason: string): void {
    this.#cursor.end(this.rules, reason)
  }

  override retire(giveUp: (item: Item) => void): void {
    this.#isRetired = true
    super.retire(item => {
      if (this.#isReplay(item)) this.gone(item)
      else giveUp(item)
    })
  }

  override giveUpSome(most: number, mostBytes: number): boolean {
    const hasMore = super.giveUpSome(most, mostBytes)
    this.#closeIfOver()
    return hasMore
  }

  /** A message from before its beginning that was not handed out: it stays in the log. */
  #isReplay({ envelope, deliveries }: Item): boolean {
    const at = placeOf(envelope)
    return at !== undefined && at > 0 && at < this.#cursor.liveFrom && deliveries === 0
  }

  /** The subscription is retired, and has no message left. */
  #closeIfOver(): void {
    if (this.#isRetired && this.pending === 0 && this.inFlight === 0) this.#cursor.remove()
  }

  override end(completeMembers: boolean): Item[] {
    const waited = super.end(completeMembers)
    this.#cursor.remove()
    return waited
  }

  /** A subscriber gets the message now. */
  handed(envelope: Envelope): void {
    const at = placeOf(envelope)
    const cursor = this.#cursor
    if (at === undefined || at < 0) return
    // At its first delivery a message has no entry yet.
    if (at > cursor.high) cursor.open.push(at)
    else if ((cursor.open.get(at) ?? REPLAYED) === REPLAYED) cursor.open.set(at, 0)
    this.#passed(at, envelope.size)
    cursor.changed()
  }

  settled(envelope: Envelope): void {
    const at = placeOf(envelope)
    if (at === undefined) return
    if (at < 0) this.#cursor.settleOwed(at)
    else this.#cursor.open.delete(at)
    this.#cursor.changed()
    if (this.#isRetired) this.#closeIfOver()
  }

  protected override dropped(envelope: Envelope): void {
    const at = placeOf(envelope)
    if (at === undefined) return
    if (at <= this.#cursor.high) return this.settled(envelope)
    // If the newest is dropped while older ones wait, it would be pending again after a start, within `maxPending`.
    const isOldest = this.rules.overflow === 'drop-oldest'
    if (isOldest && !this.#isReplayBefore(at)) this.#passed(at, envelope.size)
    else {
      if (isOldest) this.#cursor.droppedThrough = Math.max(this.#cursor.droppedThrough, at)
      this.#waitsNoMore(1, envelope.size)
    }
    this.#cursor.changed()
  }

  /** Messages from before the subscription's beginning come first, and are still owed when this one is dropped. */
  #isReplayBefore(at: number): boolean {
    const { high, liveFrom } = this.#cursor
    return high + 1 < liveFrom && at >= liveFrom
  }

  #arrived(at: number, size: number): void {
    const cursor = this.#cursor
    // Nothing before it is pending: the log is needed from here on only.
    if (cursor.waiting === 0 && cursor.high + 1 >= cursor.liveFrom)
      cursor.high = Math.max(cursor.high, at - 1)
    cursor.waiting += 1
    cursor.waitingBytes += size
    cursor.changed()
  }

  /**
   * The disk is full, and their publishers get a refusal: the messages are owed to no subscription. A consumer that has
   * one in hand keeps it.
   */
  #refused(envelopes: readonly StoredEnvelope[]): void {
    const cursor = this.#cursor
    const before = this.#stored.bytes
    let handed = 0
    let handedBytes = 0
    const waited = forgetInLanes(this.backlog.lanes, cursor, envelopes)
    const left: Envelope[] = []
    const gone = this.#stored.forget(envelopes, envelope => {
      const at = placeOf(envelope) ?? 0
      left.push(envelope)
      if (at > cursor.high) return
      // It had gone out, and came back unseen.
      cursor.open.delete(at)
      handed += 1
      handedBytes += envelope.size
    })
    if (gone + waited === 0) return
    this.#waitsNoMore(gone - handed, before - this.#stored.bytes - handedBytes)
    cursor.changed()
    for (const envelope of left) this.backlog.release(envelope, 0)
    this.backpressure.forgetLast(gone - handed)
  }

  #passed(at: number, size: number): void {
    const cursor = this.#cursor
    if (at <= cursor.high) return
    cursor.high = at
    if (at >= cursor.liveFrom) this.#waitsNoMore(1, size)
  }

  #waitsNoMore(count: number, bytes: number): void {
    const cursor = this.#cursor
    cursor.waiting -= count
    cursor.waitingBytes = cursor.waiting === 0 ? 0 : Math.max(0, cursor.waitingBytes - bytes)
  }
}

/** Those among them that wait for their keys. @returns their number */
function forgetInLanes(
  lanes: KeyLanes | undefined,
  cursor: Cursor,
  refused: readonly StoredEnvelope[],
): number {
  if (lanes === undefined || lanes.size === 0) return 0
  const places = new Set(refused.map(({ at }) => at))
  const all = [...lanes.all()].filter(item => !item.isBegun && places.has(placeOf(item.envelope) ?? 0))
  for (const item of all) {
    lanes.take(item)
    cursor.open.delete(placeOf(item.envelope) ?? 0)
  }
  return all.length
}

function throwsAway({ overflow }: SubscriptionRequest): boolean {
  return overflow === 'drop-oldest' || overflow === 'drop-newest'
}

/** Makes durable subscriptions if there is a log, else those in memory. */
export function storing(
  owner: SubscriptionOwner<Subscription>,
  { durableLog, compile }: Pick<LocalBrokerOptions, 'durableLog' | 'compile'>,
): MakeSubscription {
  if (durableLog === undefined) return (id, request) => new Subscription(id, request, owner)
  return (id, request, kept) => {
    // Answers and requests are not in the log: the asker ends with them, or asks again.
    if (isTransientPattern(request.pattern)) return new Subscription(id, request, owner)
    return new StoredSubscription({
      id,
      request,
      owner,
      durableLog,
      compile,
      cursor: kept?.cursor ?? durableLog.open(request, id),
    })
  }
}

function isTransientPattern(pattern: RegExp | string): boolean {
  return typeof pattern === 'string' ? isTransientTopic(pattern) : isRequestPattern(pattern)
}
