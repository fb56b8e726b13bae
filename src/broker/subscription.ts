import type { Consumer, LeaveCause, SubscriptionRequest } from '../bus/broker.js'
import type { Counters, SubscriptionStatus } from '../bus/status.js'
import type { Envelope } from '../message/envelope.js'
import { Message, type RetryRule } from '../message/message.js'
import { retryDelayAfter } from '../message/retry-delay.js'
import { describePattern, samePattern } from '../message/pattern.js'
import { isExposure } from '../message/topic.js'
import { Bookless } from './bookless.js'
import { addCounts, noCounts } from './counters.js'
import { Item } from './item.js'
import { Member } from './member.js'
import { Members } from './members.js'
import { Parked } from './parked.js'
import { nameTaken } from './refusals.js'
import type { SubscriptionOwner } from './subscription-owner.js'
import { PackedLine } from './packed-line.js'
import type { WaitingLine } from './waiting-line.js'

const nothing: ReadonlySet<string> = new Set()
const uncounted: Readonly<Counters> = Object.freeze(noCounts())

/** A pattern and where its messages go: the waiting line, its members with their credit, redelivery, and the count of it all. */
export class Subscription extends Bookless {
  readonly #members = new Members()
  /** Made when there is something to count, as are the others below: of very many subscriptions few have any of it. */
  #counts: Counters | undefined
  #rules: SubscriptionRequest
  #holdsBack: Set<string> | undefined
  /** Published from inside a hand-over and not routed yet: it counts as waiting, or a handler could publish past every limit. */
  queued = 0
  /** Its place in the table of patterns, where it is registered. */
  route = -1
  #line: WaitingLine | undefined
  #parked: Parked | undefined
  #nextOrder = 1
  /**
   * Who takes a new message while there is nothing to decide: nobody waits, and this is the only member and has credit.
   * Whatever may change that calls `changed`.
   */
  #straight: Member | undefined
  #ended = false
  /** Where what it still owes goes after its end, if that does not end with it. */
  #giveUp: ((item: Item) => void) | undefined
  /** It had no name, and its consumer is gone without a goodbye: what it is owed nobody will ever take. */
  #isLost = false

  constructor(
    readonly id: string,
    rules: SubscriptionRequest,
    readonly owner: SubscriptionOwner,
    line?: WaitingLine,
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
    this.#rules = rules
    this.owner.renewed?.(this)
  }

  get counts(): Readonly<Counters> {
    return this.#counts ?? uncounted
  }

  get #counting(): Counters {
    return (this.#counts ??= noCounts())
  }

  get #waiting(): WaitingLine {
    return (this.#line ??= new PackedLine())
  }

  get #waits(): number {
    return this.#line?.length ?? 0
  }

  get key(): string {
    return this.rules.name ?? this.id
  }

  /** Topics whose publishers wait until there is room here. */
  get holdsBack(): ReadonlySet<string> {
    return this.#holdsBack ?? nothing
  }

  /** Its publishers wait from now on. */
  holdBack(topic: string): void {
    this.#holdsBack ??= new Set()
    this.#holdsBack.add(topic)
  }

  /** Its publishers go on. */
  letGo(topic: string): void {
    this.#holdsBack?.delete(topic)
  }

  get pending(): number {
    return this.#waits + (this.#parked?.size ?? 0)
  }

  /** A new message can be handed out at once, and nothing is before it. */
  get isStraight(): boolean {
    return this.#straight !== undefined && this.queued === 0
  }

  get isFull(): boolean {
    return this.pending + this.queued >= this.rules.maxPending && !this.#ended
  }

  get inFlight(): number {
    return this.#members.inFlight
  }

  /** Its name is there as long as its consumers are. */
  get isLentName(): boolean {
    return this.rules.name !== undefined && isExposure(this.rules.name)
  }

  hasPattern(pattern: RegExp | string): boolean {
    return samePattern(pattern, this.rules.pattern)
  }

  /** A second subscriber under the same name must mean the same thing by it. */
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
    if (this.#waits > 0) this.wake()
  }

  /** The next message goes the long way round, which finds out anew whether there is a short one. */
  changed(): void {
    this.#straight = undefined
  }

  /** A newly published message: handed out at once when nothing is before it and somebody has credit. */
  take(envelope: Envelope): void {
    const member = this.#straight ?? this.#chooseForNew()
    if (member === undefined) {
      this.#keep(envelope)
      return
    }
    this.#counting.delivered += 1
    member.hand(new Message(envelope, member, 1, false, this.#nextOrder++))
  }

  #chooseForNew(): Member | undefined {
    if (this.#ended || this.#waits > 0) return undefined
    const member = this.#choose(undefined)
    const isStraight = member !== undefined && member === this.#members.only && this.#hasNoneParked
    if (isStraight && !this.rules.ordered && !this.owner.isClosing) this.#straight = member
    return member
  }

  #keep(envelope: Envelope): void {
    // It was taken over for this one before it ended.
    if (this.#giveUp !== undefined) return this.#push(envelope)
    if (this.#ended) return
    // Not isFull: what is queued comes behind this one.
    if (this.pending >= this.rules.maxPending && !this.#makeRoom(envelope)) return
    this.#push(envelope)
  }

  #push(envelope: Envelope): void {
    this.changed()
    this.#waiting.push(new Item(envelope, this.#nextOrder++))
  }

  /** There is no room by `overflow: 'error'`: one that came from another host is dropped. */
  refused(): boolean {
    if (this.rules.overflow !== 'error' || !this.isFull) return false
    this.#count('dropped')
    return true
  }

  /** A dead letter comes back, with a fresh count. */
  replay(envelope: Envelope): void {
    if (this.#ended) return
    this.#push(envelope)
    this.wake()
  }

  /** Hands out the next one. False when nothing waits or nobody has credit. */
  dispatchOne(): boolean {
    const line = this.#line
    const first = line?.first
    if (line === undefined || first === undefined) return false
    const member = this.#choose(first.avoid)
    if (member === undefined) return false
    const wasFull = this.isFull
    line.shift()
    if (wasFull) this.owner.roomAgain(this)
    this.#hand(member, first)
    return line.length > 0
  }

  acked(): void {
    this.#counting.acked += 1
    // Nobody waits, then, neither here nor for this.
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
    const delay = retry?.delay ?? retryDelayAfter(this.rules.delay, error, item.failures)
    if (delay > 0) this.#park(item, delay)
    else this.#waiting.restore(item)
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
    if (this.rules.name !== undefined && !(this.isLentName && this.#members.size === 0)) return this.wake()
    this.#isLost = cause === 'death'
    this.#drop(this.pending)
    this.owner.abandoned(this)
  }

  wake(): void {
    if (!this.#ended && this.#waits > 0) this.owner.wake(this)
  }

  /** Removed, or the van closed: what waited, which is returned, is no longer owed. */
  end(completeMembers: boolean): Item[] {
    const waited = [...(this.#line ?? []), ...(this.#parked?.items() ?? [])]
    this.#line?.clear()
    this.#parked?.clear()
    this.#end(completeMembers)
    return waited
  }

  /**
   * Removed, and all that it owes is given up: what waits, and what its consumers held, by `giveUpSome`; what those work on that
   * left before, when that fails or comes back.
   */
  retire(giveUp: (item: Item) => void): void {
    this.#members.surrender()
    for (const item of this.#parked?.items() ?? []) this.#waiting.restore(item)
    this.#parked?.clear()
    this.#giveUp = giveUp
    this.#end(true)
  }

  /** Of what waits at most so many, in order. @returns whether more waits */
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
    // Not for an unnamed one that its consumer left: what that consumer took along it may still settle.
    if (completeMembers && this.#giveUp === undefined) this.#members.endLeaving()
    this.owner.roomAgain(this)
  }

  /** It is off the list: what it has counted goes into the sum of those before it, and so does what it still may count. */
  countInto(sum: Counters): void {
    if (this.#counts === sum) return
    addCounts(sum, this.counts)
    this.#counts = sum
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
      inFlight: this.inFlight,
      delivered,
      acked,
      failed,
      redelivered,
      deadLettered,
      dropped,
      pausing: this.holdsBack.size > 0,
    }
  }

  #hand(member: Member, item: Item): void {
    this.#count('delivered')
    if (item.deliveries > 0) this.#count('redelivered')
    member.handAgain(item)
  }

  #choose(avoid: Member | undefined): Member | undefined {
    if (this.rules.ordered && (!this.#hasNoneParked || this.inFlight > 0)) return undefined
    return this.#members.choose(avoid)
  }

  #bury(item: Item, error: unknown): void {
    if (this.owner.buried(this, item, error)) this.#counting.deadLettered += 1
    this.wake()
  }

  /** For the two rules that throw something away. False: it is the new one that goes. */
  #makeRoom(envelope: Envelope): boolean {
    if (this.rules.overflow === 'drop-newest') {
      this.#count('dropped')
      this.dropped?.(envelope)
      return false
    }
    const oldest = this.rules.overflow === 'drop-oldest' ? this.#line?.shift() : undefined
    if (oldest === undefined) return true
    this.#count('dropped')
    this.dropped?.(oldest.envelope)
    return true
  }

  get #hasNoneParked(): boolean {
    return this.#parked === undefined || this.#parked.size === 0
  }

  #park(item: Item, delay: number): void {
    this.#parked ??= new Parked(this.owner, due => {
      this.changed()
      this.#waiting.restore(due)
      this.wake()
    })
    this.#parked.add(item, delay)
  }

  /** What comes back after the end is no longer owed, or given up. Who asked for what was exposed is told. */
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
