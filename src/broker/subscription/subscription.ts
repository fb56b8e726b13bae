import type { Consumer, LeaveCause } from '../../bus/contract/broker.js'
import { renewedRules } from '../../bus/contract/rules.js'
import type { Sight } from '../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { Encoding } from '../../codec/encoding.js'
import { noHeaders, RedrivenEnvelope, type Envelope, type Headers } from '../../message/envelope.js'
import { Message, type RetryRule } from '../../message/message.js'
import { isExpired } from '../delayed/expiry.js'
import type { MessageFactory } from '../routing/message-factory.js'
import { Backpressure } from './backpressure.js'
import { Item } from './backlog/item.js'
import type { Pause } from './backlog/pause.js'
import type { PendingQueue } from './backlog/pending-queue.js'
import { SubscriptionEnd } from './subscription-end.js'
import { bar, orderAnew, park } from './key-order.js'
import { Member, type MemberOwner } from './member.js'
import { Redelivery } from './redelivery.js'
import { SubscriptionCore } from './subscription-core.js'
import { limitAs } from './throttle.js'
import type { SubscriptionOwner } from './subscription-owner.js'

/** A pattern with its members and its backlog: hands each message to a member with credit. */
export class Subscription extends SubscriptionCore implements MemberOwner {
  #rules: SubscriptionRequest
  // Parts are made when there is something for them to do: of very many subscriptions few have that.
  #backpressure: Backpressure<Subscription> | undefined
  #redelivery: Redelivery<Subscription> | undefined
  #ending: SubscriptionEnd | undefined

  constructor(
    readonly id: string,
    rules: SubscriptionRequest,
    readonly owner: SubscriptionOwner<Subscription>,
    queue?: PendingQueue,
  ) {
    super(queue)
    this.#rules = rules
    limitAs(this, rules)
    if (rules.ordered !== false) orderAnew(this)
  }

  get rules(): SubscriptionRequest {
    return this.#rules
  }

  set rules(rules: SubscriptionRequest) {
    this.renew(renewedRules(this.#rules, rules))
  }

  /** Its maker, of another host, may see other messages than before. */
  renewSight(sight: Sight | undefined): void {
    this.renew({ ...this.#rules, sight })
  }

  /** A paused name hands out nothing. Its consumers give back the messages that they have not begun. */
  pause(isPaused: boolean): void {
    if ((this.#rules.paused ?? false) !== isPaused) this.renew({ ...this.#rules, paused: isPaused })
  }

  protected renew(rules: SubscriptionRequest): void {
    const { sight, ordered } = this.#rules
    this.#rules = rules
    limitAs(this, rules)
    this.changed()
    this.members.ruled(rules)
    if (rules.ordered !== ordered) orderAnew(this)
    if (rules.sight !== sight) this.owner.rightsChanged?.()
    this.letIn()
    this.wake()
    this.owner.renewed?.(this)
  }

  protected get backpressure(): Backpressure<Subscription> {
    return (this.#backpressure ??= new Backpressure<Subscription>(this, this.owner, envelope =>
      this.dropped?.(envelope),
    ))
  }

  get #returns(): Redelivery<Subscription> {
    return (this.#redelivery ??= new Redelivery<Subscription>(this, this.owner))
  }

  get #end(): SubscriptionEnd {
    return (this.#ending ??= new SubscriptionEnd(this))
  }

  newMember(consumer: Consumer, request: SubscriptionRequest): Member {
    return new Member(this, consumer, request)
  }

  join(member: Member): void {
    this.changed()
    this.members.add(member)
    this.backlog.heldBack?.forgetInformed()
    if (this.backlog.queued > 0) this.wake()
  }

  left(member: Member, cause: LeaveCause): void {
    this.changed()
    this.members.leave(member)
    if (this.backlog.isHolding) this.backpressure.reportAbandoned()
    if (this.rules.name !== undefined && !(this.members.size === 0 && this.isLent)) this.wake()
    else {
      if (cause === 'death' && !this.isLent) this.#end.lose()
      this.owner.abandoned(this)
    }
    // A drain waits for no retry that has no consumer.
    this.owner.settled()
  }

  /**
   * Takes a newly published message. Hands it out at once if nothing is before it and a member has credit.
   *
   * @param pause its publisher waits if there is still no room for it here
   */
  take(envelope: Envelope, pause?: Pause): void {
    if (envelope.headers !== noHeaders && isExpired(this, envelope))
      return this.#returns.expiredAtOnce(envelope, pause)
    const mustWait = pause !== undefined && this.mustWait
    const member = mustWait ? undefined : (this.straight ?? this.#chooseForNew(envelope))
    if (member === undefined) {
      this.backpressure.enqueue(envelope, pause, this.#ending?.isGivingUp === true)
      // The members with credit may not see it or its key is busy, and they should get the next messages.
      if ((this.throttle ?? this.backlog.lanes) !== undefined || this.isUnseen(envelope.topic)) this.wake()
      return
    }
    if (member === 'none') return pause?.taken()
    this.counting.delivered += 1
    member.hand(Message.of(envelope, member, 1, envelope.mayHaveCome, this.backlog.nextOrder++))
    pause?.taken()
  }

  /** Like `take`, if `isStraight` was just true. */
  takeStraight(messages: MessageFactory, topic: string, headers: Headers, payload: unknown): void {
    const member = this.straight
    if (member === undefined) return this.take(messages.envelope(topic, headers, payload, 0, Encoding.Value))
    this.counting.delivered += 1
    member.hand(messages.message(topic, headers, payload, member, this.backlog.nextOrder++))
  }

  /** @returns `'none'`: no member may see it, so it is done */
  #chooseForNew(envelope: Envelope): Member | 'none' | undefined {
    if (this.hasEnded || this.backlog.inTurn > 0 || this.throttle !== undefined) return undefined
    if (!this.admits(envelope.topic)) {
      this.gone?.(new Item(envelope, 0))
      return 'none'
    }
    const member = this.choose(undefined, envelope.topic)
    if (member !== undefined && this.backlog.lanes?.begin(envelope) === false) return undefined
    const { ordered, match } = this.rules
    const isStraight =
      member !== undefined &&
      member === this.members.only &&
      !(ordered !== false || this.backlog.isRetrying || member.isRestricted || match !== undefined) &&
      (!this.isLimited || this.isFilteredBefore)
    if (isStraight && !this.owner.isClosing) this.straight = member
    return member
  }

  /** Hands out the next message. False when no message is pending or no member has credit. */
  dispatchOne(): boolean {
    const { backlog } = this
    const { first } = backlog
    if (first === undefined) return false
    const { topic, headers } = first.envelope
    const isLate = headers !== noHeaders && !first.isTakenUp && isExpired(this, first.envelope)
    const isOver = isLate || !this.admits(topic)
    const member = isOver ? undefined : this.choose(first.avoid, topic, first.isDueAtOnce)
    if (member === undefined && !isOver && !this.isUnseen(topic)) return false
    backlog.shift()
    const waits = member !== undefined && backlog.lanes?.begin(first.envelope) === false
    if (!waits) this.letIn()
    if (waits) park(this, first)
    else if (member !== undefined) this.#hand(member, first)
    else if (isLate) this.#returns.expired(first)
    else if (isOver) bar(this, first)
    else this.#putAside(first)
    return backlog.inTurn > backlog.held
  }

  #hand(member: Member, item: Item): void {
    if (!item.isTakenUp) {
      this.count('delivered')
      if (item.deliveries > 0) this.count('redelivered')
    }
    item.start = this.throttle?.start()
    member.handAgain(item)
  }

  #putAside(item: Item): void {
    this.setAside?.(item.envelope)
    this.#returns.setAside(item)
  }

  acked(message: Message): void {
    this.counting.acked += 1
    // Then nothing is pending here, and nothing waits for this.
    if (this.straight !== undefined) return
    if (this.backlog.lanes !== undefined) this.backlog.release(Message.envelopeOf(message))
    this.members.forgetGone()
    this.owner.settled()
    this.wake()
  }

  failed(item: Item, error: unknown, retry: RetryRule | undefined): void {
    this.#returns.failed(item, error, retry)
  }

  rejected(item: Item, reason: unknown): void {
    this.#returns.rejected(item, reason)
  }

  returned(items: Item[], uncounted: boolean, isAbandoned?: boolean): void {
    this.#returns.returned(items, uncounted, isAbandoned)
  }

  tooLate(items: readonly Item[]): void {
    this.#end.tooLate(items)
  }

  /** A dead letter comes back, with a fresh count. */
  redrive(envelope: Envelope): void {
    if (this.hasEnded) return
    this.enqueue(envelope.isRedriven ? envelope : envelope.as(RedrivenEnvelope))
    this.wake()
  }

  /** In another process it owes these too: the begun ones first, then the rest in order. */
  owes(begun: Item[], retrying: Iterable<[Item, number]>, fresh: Iterable<Item>): void {
    this.changed()
    if (begun.length > 0) this.backlog.restoreAll(begun)
    for (const [item, delay] of retrying) this.#returns.retryAfter(item, delay)
    this.backpressure.restore(fresh)
    this.wake()
  }

  wake(): void {
    if (!this.hasEnded && this.backlog.inTurn > this.held) this.owner.wake(this)
  }

  letIn(): void {
    if (this.backlog.heldBack !== undefined) this.backpressure.letIn()
  }

  /** A publisher comes again whose message has been here since before the start: it waits for room. */
  awaitRoom(pause: Pause): void {
    this.backpressure.awaitRoom(pause)
  }

  /** The subscription is removed, or the van closes. Returns its pending messages, which it does not owe any more. */
  end(completeMembers: boolean): Item[] {
    return this.#end.end(completeMembers)
  }

  /**
   * The subscription is removed, and gives up all its messages. `giveUpSome` gives up the pending ones and those that
   * its consumers held. Members that left before work on: their messages follow when they fail or come back.
   */
  retire(giveUp: (item: Item) => void): void {
    this.#end.retire(giveUp)
  }

  /**
   * Gives up at most this many pending messages, in order.
   *
   * @returns whether more are pending
   */
  giveUpSome(most: number, mostBytes: number): boolean {
    return this.#end.giveUpSome(most, mostBytes)
  }
}
