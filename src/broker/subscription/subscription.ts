import type { Consumer, LeaveCause, Membership } from '../../bus/contract/broker.js'
import type { Overflow, SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Counters, SubscriptionStatus } from '../../bus/contract/status.js'
import { Encoding } from '../../codec/encoding.js'
import { ReplayedEnvelope, type Envelope, type Headers } from '../../message/envelope.js'
import { Message, type RetryRule } from '../../message/message.js'
import { retryDelayAfter } from '../../message/retry-delay.js'
import { describePattern, samePattern } from '../../message/pattern.js'
import { isExposure, isNewsTopic } from '../../message/topic.js'
import { NoopHooks } from './noop-hooks.js'
import { addCounts, noCounts } from '../counters.js'
import type { MessageFactory } from '../routing/message-factory.js'
import { HeldBack } from './held-back.js'
import { Item } from './item.js'
import { Member, type MemberOwner } from './member.js'
import { Members } from './members.js'
import { RetryQueue } from './retry-queue.js'
import type { Pause } from './pause.js'
import { nameTaken } from '../refusals.js'
import type { SubscriptionOwner } from './subscription-owner.js'
import { PackedQueue } from './packed-queue.js'
import type { PendingQueue } from './pending-queue.js'

/** A subscription's state, apart from its messages. */
export interface SubscriptionState {
  readonly id: string
  readonly rules: SubscriptionRequest
  readonly counts: Readonly<Counters>
  readonly nextOrder: number
}

/** A message that no consumer here may see is looked at again after this long. */
const SET_ASIDE_MS = 1_000

const uncounted: Readonly<Counters> = Object.freeze(noCounts())

/** A pattern with its pending queue, its members and their credit, redelivery, and all counts. */
export class Subscription extends NoopHooks implements MemberOwner {
  readonly #members = new Members()
  /** Made when there is something to count, like the others below: of very many subscriptions few have any of it. */
  #counts: Counters | undefined
  #rules: SubscriptionRequest
  #heldBack: HeldBack | undefined
  /**
   * Published during a hand-over and not routed yet: it counts as waiting, or a handler could publish past every limit.
   */
  queued = 0
  /** Its place in the pattern table, while it is registered. */
  route = -1
  #line: PendingQueue | undefined
  #parked: RetryQueue | undefined
  #nextOrder = 1
  /**
   * The member that takes a new message while there is nothing to decide: no message is pending, and this is the only
   * member and has credit. Every change of that calls `changed`.
   */
  #straight: Member | undefined
  #ended = false
  /** Gets its remaining messages after its end, if they do not end with it. */
  #giveUp: ((item: Item) => void) | undefined
  /** It is unnamed, and its consumer died: no consumer will ever take its messages. */
  #isLost = false

  constructor(
    readonly id: string,
    rules: SubscriptionRequest,
    readonly owner: SubscriptionOwner<Subscription>,
    line?: PendingQueue,
  ) {
    super()
    this.#rules = rules
    this.#line = line
  }

  get rules(): SubscriptionRequest {
    return this.#rules
  }

  set rules(rules: SubscriptionRequest) {
    this.changed()
    // Its maker stays the maker: what the maker may see is for consumers of others, too.
    const { incarnation, principal } = this.#rules
    const isSame = rules.incarnation === incarnation && rules.principal === principal
    this.#rules = isSame ? rules : { ...rules, incarnation, principal }
    this.#members.ruled(rules)
    this.#letIn()
    this.wake()
    this.owner.renewed?.(this)
  }

  get counts(): Readonly<Counters> {
    return this.#counts ?? uncounted
  }

  get #counting(): Counters {
    return (this.#counts ??= noCounts())
  }

  get #waiting(): PendingQueue {
    return (this.#line ??= new PackedQueue())
  }

  get #waits(): number {
    return this.#line?.length ?? 0
  }

  get key(): string {
    return this.rules.name ?? this.id
  }

  /** Its messages that are not handed out, the held ones included. */
  get #owed(): number {
    return this.#waits + (this.#parked?.size ?? 0)
  }

  get pending(): number {
    return this.#owed - this.held
  }

  get pendingBytes(): number {
    return (this.#line?.bytes ?? 0) + (this.#parked?.bytes ?? 0) - this.heldBytes
  }

  /** The messages that count against `maxPending`. */
  get #counted(): number {
    return this.pending - (this.#line?.replaying ?? 0)
  }

  get #countedBytes(): number {
    return this.pendingBytes - (this.#line?.replayingBytes ?? 0)
  }

  /** Messages at the end of its queue without room: their publishers wait. */
  get held(): number {
    return this.#heldBack?.count ?? 0
  }

  /** Messages that only need a consumer with credit. */
  get ready(): number {
    if (this.#ended || (this.rules.ordered && (!this.#hasNoneParked || this.inFlight > 0))) return 0
    return Math.max(0, this.#waits - this.held)
  }

  /** Changes while the log is read for its messages. */
  get readTo(): number {
    return this.#line?.readTo ?? 0
  }

  get heldBytes(): number {
    return this.#heldBack?.bytes ?? 0
  }

  /** A new message can be handed out at once, and nothing is before it. */
  get isStraight(): boolean {
    return this.#straight !== undefined && this.queued === 0
  }

  /** A new message has to wait, to be dropped or to be refused. */
  get isFull(): boolean {
    if (this.#ended) return false
    return (
      this.#isPausing ||
      this.#counted + this.queued >= this.rules.maxPending ||
      (this.#countedBytes >= this.rules.maxPendingBytes && this.#counted > 0)
    )
  }

  /** Not counting queued messages, which come behind. */
  get #hasRoom(): boolean {
    return (
      this.#counted < this.rules.maxPending &&
      (this.#countedBytes < this.rules.maxPendingBytes || this.#counted === 0)
    )
  }

  get #isPausing(): boolean {
    return this.#heldBack?.isEmpty === false
  }

  /** Without a new consumer its messages stay. */
  get #isAbandoned(): boolean {
    return this.#isPausing && this.#members.size === 0 && this.rules.name !== undefined
  }

  /** The system's own news delays no publisher and is never refused: the oldest goes. */
  overflowOf(topic: string): Overflow {
    const { overflow } = this.rules
    return overflow !== 'drop-newest' && isNewsTopic(topic) ? 'drop-oldest' : overflow
  }

  get inFlight(): number {
    return this.#members.inFlight
  }

  /** Its name lasts as long as its consumers. */
  get isLentName(): boolean {
    return this.rules.name !== undefined && isExposure(this.rules.name)
  }

  /** A consumer is present whose connection is not cut. */
  get isAttended(): boolean {
    return this.#members.isAttended
  }

  hasPattern(pattern: RegExp | string): boolean {
    return samePattern(pattern, this.rules.pattern)
  }

  /** A second subscriber under the same name must ask for the same rules. */
  checkSame(request: SubscriptionRequest): void {
    if (this.hasPattern(request.pattern)) return
    throw nameTaken(this, request)
  }

  newMember(consumer: Consumer, request: SubscriptionRequest): Member {
    return new Member(this, consumer, request)
  }

  join(member: Member): void {
    this.changed()
    this.#members.add(member)
    this.#heldBack?.forgetInformed()
    if (this.#waits > 0) this.wake()
  }

  /** The next message takes the long way, which finds out anew whether the short one is open. */
  changed(): void {
    this.#straight = undefined
  }

  /**
   * Takes a newly published message. Hands it out at once if nothing is before it and a member has credit.
   *
   * @param pause its publisher waits if there is still no room for it here
   */
  take(envelope: Envelope, pause?: Pause): void {
    const mustWait = pause !== undefined && this.#mustWait
    const member = mustWait ? undefined : (this.#straight ?? this.#chooseForNew(envelope))
    if (member === undefined) {
      this.#keep(envelope, pause)
      // The members with credit may not see it, and should get the next messages.
      if (this.#isUnseen(envelope.topic)) this.wake()
      return
    }
    if (member === 'nobody') {
      pause?.taken()
      return
    }
    this.#counting.delivered += 1
    member.hand(Message.of(envelope, member, 1, envelope.mayHaveCome, this.#nextOrder++))
    pause?.taken()
  }

  /** Like `take`, if `isStraight` was just true. */
  takeStraight(messages: MessageFactory, topic: string, headers: Headers, payload: unknown): void {
    const member = this.#straight
    if (member === undefined) return this.take(messages.envelope(topic, headers, payload, 0, Encoding.Value))
    this.#counting.delivered += 1
    member.hand(messages.message(topic, headers, payload, member, this.#nextOrder++))
  }

  get #mustWait(): boolean {
    return !this.#ended && (this.#isPausing || !this.#hasRoom)
  }

  /** @returns `'nobody'`: no member may see it, so it is done */
  #chooseForNew(envelope: Envelope): Member | 'nobody' | undefined {
    if (this.#ended || this.#waits > 0) return undefined
    if (!this.#admits(envelope.topic)) {
      this.gone?.(new Item(envelope, 0))
      return 'nobody'
    }
    const member = this.#choose(undefined, envelope.topic)
    const isStraight =
      member !== undefined &&
      member === this.#members.only &&
      this.#hasNoneParked &&
      !member.isRestricted &&
      (this.#rules.principal === undefined || this.isFilteredBefore)
    if (isStraight && !this.rules.ordered && !this.owner.isClosing) this.#straight = member
    return member
  }

  #keep(envelope: Envelope, pause: Pause | undefined): void {
    const mustWait = this.#mustWait
    if (mustWait && this.overflowOf(envelope.topic) === 'pause') return this.#hold(envelope, pause)
    pause?.taken()
    // The subscription took it over before it ended.
    const isGivenUp = this.#giveUp !== undefined
    if (!isGivenUp && (this.#ended || (mustWait && !this.#makeRoom(envelope)))) return
    this.#push(envelope)
  }

  #hold(envelope: Envelope, pause: Pause | undefined): void {
    this.#push(envelope)
    this.#wait(envelope.size, pause)
  }

  #wait(size: number | undefined, pause: Pause | undefined): void {
    this.#heldBack ??= new HeldBack()
    const isFirst = this.#heldBack.isEmpty
    this.#heldBack.add(size, pause)
    if (isFirst) this.owner.paused(this)
    this.#sayIfCrowded(this.#heldBack, this.#heldBack.isMuch)
    if (pause !== undefined && this.#isAbandoned && this.#heldBack.isNews(pause))
      this.owner.abandonedPublisher(this, pause)
  }

  /** A publisher comes again whose message has been here since before the start: it waits for room. */
  awaitRoom(pause: Pause): void {
    if (this.#ended || (this.#isRoomEnough && !this.#isPausing)) pause.taken()
    else this.#wait(undefined, pause)
  }

  /** The pending messages are within the limits. */
  get #isRoomEnough(): boolean {
    return this.#counted <= this.rules.maxPending && this.#countedBytes <= this.rules.maxPendingBytes
  }

  /**
   * Holds, after a start, what exceeds the limits. No publisher waits for it.
   *
   * @param behind the messages at the end of the queue that no consumer had, with their sizes in order
   */
  protected holdAgain(behind: {
    readonly count: number
    readonly bytes: number
    sizes(): Iterable<number>
  }): void {
    if (this.rules.overflow !== 'pause' || this.#isRoomEnough) return
    const { maxPending, maxPendingBytes } = this.rules
    let count = this.#counted - behind.count
    let bytes = this.#countedBytes - behind.bytes
    for (const size of behind.sizes()) {
      const isRoom = count < maxPending && (bytes < maxPendingBytes || count === 0)
      if (!isRoom || this.#isPausing) this.#wait(size, undefined)
      count += 1
      bytes += size
    }
  }

  /** Fewer messages wait than were counted: the last of them are still the held ones. */
  protected fewerWait(): void {
    const missing = this.held - this.#waits
    if (missing > 0) this.forgetLast(missing)
    else this.#letIn()
  }

  /** Lets in as many as there is room for. */
  #letIn(): void {
    const held = this.#heldBack
    if (held === undefined) return
    while (!held.isEmpty && !this.#ended) {
      const isRoom = held.isFirstBare ? this.#isRoomEnough : this.#hasRoom
      if (!isRoom) {
        if (this.rules.overflow === 'pause') return
        // By the new rules no publisher waits any more.
        if (this.rules.overflow === 'drop-oldest' && !held.isFirstBare) this.#dropOldest()
      }
      held.letIn()
    }
    if (this.#ended) held.letAllIn()
    if (held.isEmpty) this.#sayIfCrowded(held, false)
  }

  /** It is crowded from the moment when much is held until nothing is. */
  #sayIfCrowded(held: HeldBack, isCrowded: boolean): void {
    if (held.isCrowded === isCrowded || (held.isCrowded && !held.isEmpty)) return
    held.isCrowded = isCrowded
    this.owner.crowded?.(this, isCrowded)
  }

  /** Rejects the promises of the waiting publishers. */
  refuseHeld(error: Error): void {
    this.#heldBack?.refuse(error)
  }

  /** The last ones could not be written, and are gone from the queue. */
  protected forgetLast(count: number): void {
    this.changed()
    this.#heldBack?.forgetLast(count)
    this.#letIn()
  }

  #push(envelope: Envelope): void {
    this.changed()
    this.#waiting.push(new Item(envelope, this.#nextOrder++))
  }

  /** There is no room, with `overflow: 'error'`: a message from another host is dropped. */
  refused(topic: string): boolean {
    if (this.overflowOf(topic) !== 'error' || !this.isFull) return false
    this.#count('dropped')
    return true
  }

  /** A dead letter comes back, with a fresh count. */
  replay(envelope: Envelope): void {
    if (this.#ended) return
    this.#push(envelope.isReplayed ? envelope : ReplayedEnvelope.of(envelope))
    this.wake()
  }

  /** Hands out the next message. False when no message is pending or no member has credit. */
  dispatchOne(): boolean {
    const line = this.#line
    const first = line === undefined || line.length <= this.held ? undefined : line.first
    if (line === undefined || first === undefined) return false
    const { topic } = first.envelope
    const isBarred = !this.#admits(topic)
    const member = isBarred ? undefined : this.#choose(first.avoid, topic, first.isDueAtOnce)
    if (member === undefined) {
      if (!isBarred && !this.#isUnseen(topic)) return false
      line.shift()
      this.#letIn()
      if (isBarred) this.gone?.(first)
      else this.#setAside(first)
      return line.length > this.held
    }
    line.shift()
    this.#letIn()
    this.#hand(member, first)
    return line.length > this.held
  }

  acked(): void {
    this.#counting.acked += 1
    // Then nothing is pending here, and nothing waits for this.
    if (this.#straight !== undefined) return
    this.#members.forgetGone()
    this.owner.settled()
    this.wake()
  }

  failed(item: Item, error: unknown, retry: RetryRule | undefined): void {
    this.changed()
    this.#members.forgetGone()
    this.#count('failed')
    item.failures += 1
    if (item.firstFailedAt === 0) item.firstFailedAt = this.owner.now()
    if (this.#ended) return this.#tooLate([item])
    if (retry?.attempts !== undefined) item.attempts = retry.attempts
    if (item.failures >= (item.attempts ?? this.rules.attempts)) {
      this.#bury(item, error)
      return
    }
    const delay =
      retry?.delay ??
      retryDelayAfter(this.rules.delay, error, item.failures, mistake => this.owner.report?.(mistake))
    item.isDueAtOnce = delay <= 0
    if (item.isDueAtOnce) this.#waiting.restore(item)
    else this.#park(item, delay)
    this.wake()
  }

  rejected(item: Item, reason: unknown): void {
    this.changed()
    this.#members.forgetGone()
    this.#count('failed')
    item.failures += 1
    if (item.firstFailedAt === 0) item.firstFailedAt = this.owner.now()
    if (this.#ended) this.#tooLate([item])
    else this.#bury(item, reason)
  }

  returned(items: Item[], untouched: boolean): void {
    this.changed()
    this.#members.forgetGone()
    if (untouched) {
      for (const item of items) {
        item.deliveries -= 1
        if (item.deliveries > 0) this.#count('redelivered', -1)
      }
      this.#count('delivered', -items.length)
    }
    if (this.#ended) return this.#tooLate(items)
    this.#waiting.restoreAll(items)
    this.wake()
  }

  left(member: Member, cause: LeaveCause): void {
    this.changed()
    this.#members.leave(member)
    if (this.#isAbandoned)
      for (const pause of this.#heldBack?.uninformed() ?? []) this.owner.abandonedPublisher(this, pause)
    if (this.rules.name !== undefined && !(this.isLentName && this.#members.size === 0)) return this.wake()
    this.#isLost = cause === 'death'
    this.#drop(this.#owed)
    this.owner.abandoned(this)
  }

  wake(): void {
    if (!this.#ended && this.#waits > this.held) this.owner.wake(this)
  }

  /** The subscription is removed, or the van closes. Returns its pending messages, which it does not owe any more. */
  end(completeMembers: boolean): Item[] {
    const waited = [...(this.#line ?? []), ...(this.#parked?.items() ?? [])]
    this.#line?.clear()
    this.#parked?.clear()
    this.#end(completeMembers)
    return waited
  }

  /**
   * The subscription is removed, and gives up all its messages. `giveUpSome` gives up the pending ones and those that
   * its consumers held. Members that left before work on: their messages follow when they fail or come back.
   */
  retire(giveUp: (item: Item) => void): void {
    this.#members.surrender()
    for (const item of this.#parked?.items() ?? []) this.#waiting.restore(item)
    this.#parked?.clear()
    this.#giveUp = giveUp
    this.#end(true)
  }

  /**
   * Gives up at most this many pending messages, in order.
   *
   * @returns whether more are pending
   */
  giveUpSome(most: number, mostBytes: number): boolean {
    let bytes = 0
    for (let count = 0; count < most && bytes < mostBytes; count += 1) {
      const item = this.#line?.shift()
      if (item === undefined) break
      bytes += item.envelope.size
      this.#giveUp?.(item)
    }
    return this.#waits > 0
  }

  #end(completeMembers: boolean): void {
    this.changed()
    this.#ended = true
    for (const member of this.#members.takeAll()) {
      member.end()
      if (completeMembers) member.complete()
    }
    // Not for an unnamed one that its consumer left: that consumer may still settle the messages that it took along.
    if (completeMembers && this.#giveUp === undefined) this.#members.endLeaving()
    this.#letIn()
  }

  /** It is off the list: its counts, and those that it may still get, go into this sum. */
  countInto(sum: Counters): void {
    if (this.#counts === sum) return
    addCounts(sum, this.counts)
    this.#counts = sum
  }

  /** The present members, and those that left and still settle. */
  get members(): readonly Member[] {
    return this.#members.all()
  }

  /** Its state without its messages: for another process. */
  get state(): SubscriptionState {
    return { id: this.id, rules: this.#rules, counts: this.counts, nextOrder: this.#nextOrder }
  }

  /**
   * Its messages that were handed out, or failed, before; with the milliseconds until the next attempt, if they wait
   * for that.
   *
   * @param travels a member whose messages travel with it, and are left out
   */
  *begun(travels: (member: Member) => boolean): Generator<[Item, number?]> {
    for (const member of this.#members.all())
      if (!travels(member)) for (const item of member.held()) yield [item]
    if (this.#parked !== undefined) yield* this.#parked.waits()
    for (const item of this.#line?.begun() ?? []) yield [item]
  }

  /** Its messages that were never handed out, in order. */
  *fresh(): Generator<Item> {
    for (const item of this.#line ?? []) if (!item.isBegun) yield item
  }

  /** In another process it owes these too: the begun ones first, then the rest in order. */
  owes(begun: Item[], parked: Iterable<[Item, number]>, fresh: Iterable<Item>): void {
    this.changed()
    if (begun.length > 0) this.#waiting.restoreAll(begun)
    for (const [item, delay] of parked) this.#park(item, delay)
    for (const item of fresh) {
      const mustWait = this.#mustWait && this.overflowOf(item.envelope.topic) === 'pause'
      this.#waiting.push(item)
      // Its publisher waits again when it is back.
      if (mustWait) this.#wait(item.envelope.size, undefined)
    }
    this.wake()
  }

  /** The message in the form that this subscription owes; undefined: it owes it already. */
  takenIn(item: Item): Item | undefined {
    return item
  }

  /** Continues in another process. */
  resume({ counts, nextOrder }: Pick<SubscriptionState, 'counts' | 'nextOrder'>): void {
    addCounts(this.#counting, counts)
    this.#nextOrder = Math.max(this.#nextOrder, nextOrder)
  }

  status(): SubscriptionStatus {
    const { delivered, acked, failed, redelivered, deadLettered, dropped } = this.counts
    const name = this.rules.name
    return {
      id: this.id,
      ...(name === undefined ? {} : { name }),
      pattern: describePattern(this.rules.pattern),
      consumers: this.#members.size,
      pending: this.pending,
      pendingBytes: this.pendingBytes,
      held: this.held,
      inFlight: this.inFlight,
      delivered,
      acked,
      failed,
      redelivered,
      deadLettered,
      dropped,
      pausing: this.#isPausing,
    }
  }

  #hand(member: Member, item: Item): void {
    if (!item.isTakenUp) {
      this.#count('delivered')
      if (item.deliveries > 0) this.#count('redelivered')
    }
    member.handAgain(item)
  }

  /** Whether messages with this topic come here: those that its maker may not see do not. */
  isRouted(topic: string): boolean {
    return this.#admits(topic)
  }

  #admits(topic: string): boolean {
    return this.#rules.principal === undefined || this.owner.sees?.(this.#rules, topic) !== false
  }

  /** Messages that its maker may not see do not even come here. */
  protected get isFilteredBefore(): boolean {
    return true
  }

  /** There are consumers with credit, and none of all may see it. In order, it has to wait for one who may. */
  #isUnseen(topic: string): boolean {
    return !this.rules.ordered && this.#members.areBlindTo(topic)
  }

  /** Tries again in a while: a member may come, or get the right. */
  #setAside(item: Item): void {
    this.changed()
    this.setAside?.(item.envelope)
    this.#park(item, SET_ASIDE_MS)
  }

  #choose(avoid: Membership | undefined, topic: string, again = false): Member | undefined {
    if (this.rules.ordered && (!this.#hasNoneParked || this.inFlight > 0)) return undefined
    return this.#members.choose(avoid, topic, again)
  }

  #bury(item: Item, error: unknown): void {
    if (this.owner.buried(this, item, error)) this.#counting.deadLettered += 1
    this.wake()
  }

  /** For the two rules that drop messages. False: the new one is dropped. */
  #makeRoom(envelope: Envelope): boolean {
    const overflow = this.overflowOf(envelope.topic)
    const isNews = overflow !== this.rules.overflow
    // News makes room for news only.
    const first = isNews ? this.#line?.first : undefined
    const isNewest = isNews && (first === undefined || !isNewsTopic(first.envelope.topic))
    if (overflow === 'drop-newest' || isNewest) {
      this.#count('dropped')
      this.dropped?.(envelope)
      return false
    }
    if (overflow === 'drop-oldest') this.#dropOldest()
    return true
  }

  #dropOldest(): void {
    const oldest = this.#line?.shiftOldest()
    if (oldest === undefined) return
    this.#count('dropped')
    this.dropped?.(oldest.envelope)
  }

  get #hasNoneParked(): boolean {
    return this.#parked === undefined || this.#parked.size === 0
  }

  #park(item: Item, delay: number): void {
    this.#parked ??= new RetryQueue(this.owner, due => {
      this.changed()
      this.#waiting.restore(due)
      this.wake()
    })
    this.#parked.add(item, delay)
  }

  /**
   * A message that comes back after the end is not owed any more, or is given up. The asker of an exposed stream gets
   * an error.
   */
  #tooLate(items: readonly Item[]): void {
    if (this.#giveUp !== undefined) return items.forEach(this.#giveUp)
    if (this.isLentName) for (const { envelope } of items) this.owner.unrouted(envelope)
    this.#drop(items.length)
  }

  #drop(count: number): void {
    if (this.#isLost && count > 0) this.#count('dropped', count)
  }

  #count(what: 'delivered' | 'acked' | 'failed' | 'redelivered' | 'dropped', by = 1): void {
    this.#counting[what] += by
    this.owner.settled()
  }
}
