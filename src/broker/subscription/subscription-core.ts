import type { Membership } from '../../bus/contract/broker.js'
import type { Overflow, SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Counters } from '../../bus/contract/status.js'
import type { Envelope } from '../../message/envelope.js'
import { isRequestPattern, samePattern } from '../../message/pattern.js'
import { isExposure, isNewsTopic } from '../../message/topic.js'
import { addCounts, noCounts } from '../counters.js'
import { nameTaken } from '../refusals.js'
import { Backlog } from './backlog/backlog.js'
import type { Item } from './backlog/item.js'
import type { PendingQueue } from './backlog/pending-queue.js'
import type { Member } from './member.js'
import type { Separator } from '../memory/separator.js'
import { Members } from './members.js'
import { NoopHooks } from './noop-hooks.js'
import type { SubscriptionOwner } from './subscription-owner.js'
import type { Throttle } from './throttle.js'

/** A subscription's state, apart from its messages. */
export interface SubscriptionState {
  readonly id: string
  readonly rules: SubscriptionRequest
  readonly counts: Readonly<Counters>
  readonly nextOrder: number
}

const uncounted: Readonly<Counters> = Object.freeze(noCounts())

/** The members, backlog and counts of a subscription, which its parts share. */
export abstract class SubscriptionCore extends NoopHooks {
  readonly members = new Members()
  readonly backlog: Backlog
  /** Made when there is something to count: of very many subscriptions few have that. */
  #counts: Counters | undefined
  /**
   * Published during a delivery and not routed yet: it counts as waiting, or a handler could publish past every limit.
   */
  queued = 0
  /** The place of the subscription in the pattern table, while it is registered. */
  route = -1
  hasEnded = false
  /**
   * The member that takes a new message while there is nothing to decide: no message is pending, and this is the only
   * member and has credit. Every change of that calls `changed`.
   */
  protected straight: Member | undefined
  /** Of a subscription with a rate or a concurrency. */
  throttle: Throttle | undefined

  abstract readonly id: string
  abstract readonly owner: SubscriptionOwner<never>
  abstract rules: SubscriptionRequest

  constructor(queue: PendingQueue | undefined) {
    super()
    this.backlog = new Backlog(queue)
  }

  /** Lets publishers go on that wait for room, if there is some. */
  abstract letIn(): void
  /** These messages come back after the end. */
  abstract tooLate(items: readonly Item[]): void
  /** Called when the subscription may be able to hand out a message. */
  abstract wake(): void

  get key(): string {
    return this.rules.name ?? this.id
  }

  /** The subscription lasts as long as its consumers, with a name too. Then its messages return to their senders. */
  get isLent(): boolean {
    const { name, pattern } = this.rules
    return (name !== undefined && isExposure(name)) || isRequestPattern(pattern)
  }

  hasPattern(pattern: RegExp | string): boolean {
    return samePattern(pattern, this.rules.pattern)
  }

  /** A second subscriber under the same name must ask for the same rules. */
  checkSame(request: SubscriptionRequest): void {
    if (this.hasPattern(request.pattern)) return
    throw nameTaken(this, request)
  }

  /** The system's own news delays no publisher and is never refused: the oldest goes. */
  overflowOf(topic: string): Overflow {
    const { overflow } = this.rules
    return overflow !== 'drop-newest' && isNewsTopic(topic) ? 'drop-oldest' : overflow
  }

  get pending(): number {
    return this.backlog.pending
  }

  get pendingBytes(): number {
    return this.backlog.pendingBytes
  }

  /** Failed messages before their next attempt. */
  get retrying(): number {
    return this.backlog.retries?.size ?? 0
  }

  /** A failed message comes to a consumer again within so many milliseconds. */
  retriesWithin(milliseconds: number): boolean {
    return this.members.size > 0 && this.backlog.retries?.isDueWithin(milliseconds) === true
  }

  /** Messages at the end of its queue without room: their publishers wait. */
  get held(): number {
    return this.backlog.held
  }

  get heldBytes(): number {
    return this.backlog.heldBytes
  }

  /** Rejects the promises of the publishers that wait for room. */
  refuseHeld(error: Error): void {
    this.backlog.heldBack?.refuse(error)
  }

  /** Changes while the log is read for its messages. */
  get readTo(): number {
    return this.backlog.readTo
  }

  /** Messages that only need a consumer with credit. */
  get ready(): number {
    if (this.hasEnded || this.isHeldUp) return 0
    return Math.max(0, this.backlog.inTurn - this.held)
  }

  /** It is paused or throttled, or keeps the order and waits for a message that is open or between two attempts. */
  protected get isHeldUp(): boolean {
    const isOutOfTurn = this.rules.ordered === true && (this.backlog.isRetrying || this.inFlight > 0)
    return isOutOfTurn || this.rules.paused === true || this.throttle?.allows(this.inFlight) === false
  }

  protected choose(avoid: Membership | undefined, topic: string, again = false): Member | undefined {
    return this.isHeldUp ? undefined : this.members.choose(avoid, topic, again)
  }

  get inFlight(): number {
    return this.members.inFlight
  }

  /** A consumer is present whose connection is not cut. */
  get isAttended(): boolean {
    return this.members.isAttended
  }

  /** A new message has to wait, to be dropped or to be refused. */
  get isFull(): boolean {
    if (this.hasEnded) return false
    return this.backlog.isHolding || !this.backlog.hasRoom(this.rules, this.queued)
  }

  /** There is no room for a message that is routed now. Queued messages come behind it. */
  get mustWait(): boolean {
    return !this.hasEnded && (this.backlog.isHolding || !this.backlog.hasRoom(this.rules))
  }

  /** There is no room, with `overflow: 'error'`: a message from another host is dropped. */
  refused(topic: string): boolean {
    if (this.overflowOf(topic) !== 'error' || !this.isFull) return false
    this.count('dropped')
    return true
  }

  /** A new message can be handed out at once, and nothing is before it. */
  get isStraight(): boolean {
    return this.straight !== undefined && this.queued === 0
  }

  /** Whether messages with this topic come here: those that its maker may not see do not. */
  isRouted(topic: string): boolean {
    return this.admits(topic)
  }

  /** Whether the maker of the subscription may see messages with this topic. */
  protected admits(topic: string): boolean {
    return !this.isLimited || this.owner.sees?.(this.rules, topic) !== false
  }

  /** There are topics that its maker may not see. */
  protected get isLimited(): boolean {
    return this.rules.principal !== undefined || this.rules.sight !== undefined
  }

  /** Messages that its maker may not see do not even come here. */
  protected get isFilteredBefore(): boolean {
    return true
  }

  /** No present member may see the topic. False for subscriptions with one order for all, which wait. */
  protected isUnseen(topic: string): boolean {
    return this.rules.ordered !== true && this.members.noneSees(topic)
  }

  /** Adds a new message to the end of the queue. */
  enqueue(envelope: Envelope): void {
    this.changed()
    this.backlog.enqueue(envelope)
  }

  /** A consumer of another process holds it. */
  reopened({ envelope }: Item): void {
    this.changed()
    this.backlog.lanes?.hold(envelope)
  }

  /** The next message takes the long way, which finds out anew whether the short one is open. */
  changed(): void {
    this.straight = undefined
  }

  get counts(): Readonly<Counters> {
    return this.#counts ?? uncounted
  }

  get counting(): Counters {
    return (this.#counts ??= noCounts())
  }

  count(what: keyof Counters, by = 1): void {
    this.counting[what] += by
    this.owner.settled()
  }

  /** The subscription is off the list: its counts, now and later, go into this sum. */
  countInto(sum: Counters): void {
    if (this.#counts === sum) return
    addCounts(sum, this.counts)
    this.#counts = sum
  }

  /** The state without the messages, for another process. */
  get state(): SubscriptionState {
    return { id: this.id, rules: this.rules, counts: this.counts, nextOrder: this.backlog.nextOrder }
  }

  /** Continues in another process. */
  resume({ counts, nextOrder }: Pick<SubscriptionState, 'counts' | 'nextOrder'>): void {
    addCounts(this.counting, counts)
    this.throttle?.rest()
    this.backlog.nextOrder = Math.max(this.backlog.nextOrder, nextOrder)
  }

  /**
   * Its messages that were handed out, or failed, before; with the milliseconds until the next attempt, if they wait
   * for that.
   *
   * @param travels a member whose messages travel with it, and are left out
   */
  *begun(travels: (member: Member) => boolean): Generator<[Item, number?]> {
    for (const member of this.members.all())
      if (!travels(member)) for (const item of member.open?.items() ?? []) yield [item]
    yield* this.backlog.begun()
  }

  /** The messages that were never handed out, in order. */
  fresh(): Generator<Item> {
    return this.backlog.fresh()
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    this.backlog.separate(separator)
    for (const member of this.members.all()) member.open?.separate(separator)
  }

  /** The message in the form that this subscription owes; undefined: it owes it already. */
  takenIn(item: Item): Item | undefined {
    return item
  }
}
