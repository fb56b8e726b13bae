import type { Consumer, LeaveCause, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { MsgvanError } from '../../errors.js'
import { isWaiting, Message, PAUSED, takeAway, type RetryRule } from '../../message/message.js'
import { AckDeadlines } from '../clock/ack-deadlines.js'
import type { Item } from './backlog/item.js'
import type { SubscriptionOwner } from './subscription-owner.js'
import { itemOfTag, OpenDeliveries, startOf, type Tag } from './open-deliveries.js'

const REMOVED = 'its subscription was removed, or the bus is closed'

enum Standing {
  Attached,
  Suspended,
  /** The member only settles its open deliveries. */
  Left,
  /** The member settles nothing any more. */
  Ended,
}

/** The subscription, as its members use it. */
export interface MemberOwner {
  readonly rules: SubscriptionRequest
  readonly owner: Pick<SubscriptionOwner<never>, 'after' | 'now' | 'report'>
  readonly ready: number
  readonly readTo: number
  /** Members, credit or rules have changed. */
  changed(): void
  wake(): void
  acked(message: Message): void
  /** A consumer of another process holds it. */
  reopened(item: Item): void
  failed(item: Item, error: unknown, retry?: RetryRule): void
  rejected(item: Item, reason: unknown): void
  /** @param uncounted as if never delivered */
  returned(items: readonly Item[], uncounted: boolean, isAbandoned?: boolean): void
  left(member: Member, cause: LeaveCause): void
}

/** One consumer in a subscription, and the settler of its deliveries. The tag of a message shows that it is open. */
export class Member implements Membership {
  readonly pattern: RegExp | string
  ackTimeout: number
  readonly #subscription: MemberOwner
  readonly prefetch: number
  /** Made with the first one: of very many members few ever have any. */
  #unsettled: OpenDeliveries | undefined
  #deadlines: AckDeadlines | undefined
  #standing: Standing = Standing.Attached
  /** Others may have later messages than it holds: what it gives back has lost its turn. */
  isPassed = false
  #consumer: Consumer

  constructor(subscription: MemberOwner, consumer: Consumer, { pattern, prefetch }: SubscriptionRequest) {
    this.#subscription = subscription
    this.#consumer = consumer
    this.pattern = pattern
    this.ackTimeout = timedHere(consumer, subscription.rules)
    this.prefetch = prefetch
  }

  /** The connection of its client is cut. */
  get isAway(): boolean {
    return this.#consumer.isAway === true
  }

  /** There are topics that it may not see. */
  get isRestricted(): boolean {
    return this.#consumer.sees !== undefined
  }

  sees(topic: string): boolean {
    return this.#consumer.sees === undefined || this.#consumer.sees(topic)
  }

  /** The subscription has new rules. */
  ruled(rules: SubscriptionRequest): void {
    this.ackTimeout = timedHere(this.#consumer, rules)
    this.#consumer.ruled?.(rules)
    if (rules.paused === true) giveBackWaiting(this, this.#unsettled?.all() ?? [])
  }

  get inFlight(): number {
    return this.#unsettled?.size ?? 0
  }

  get hasCredit(): boolean {
    if (this.#standing !== Standing.Attached || this.#consumer.isBusy === true) return false
    return this.#unsettled === undefined || this.#unsettled.hasRoom(this.prefetch)
  }

  /** The member may get back a message that it failed a moment ago, even beyond its credit in bytes. */
  get takesBack(): boolean {
    if (this.#standing !== Standing.Attached || this.inFlight >= this.prefetch) return false
    return this.#consumer.isBusy !== true || this.#consumer.takesBack === true
  }

  get ready(): number {
    return this.#subscription.ready
  }

  get readTo(): number {
    return this.#subscription.readTo
  }

  report(error: MsgvanError): void {
    this.#subscription.owner.report?.(error)
  }

  get sole(): Message | undefined {
    return this.#unsettled?.size === 1 ? this.#unsettled.all()[0] : undefined
  }

  handAgain(item: Item): void {
    const isAgain = item.deliveries > 0 || item.envelope.mayHaveCome
    const message = Message.of(item.envelope, this, item.failures + 1, isAgain, item)
    item.deliveries += 1
    item.isDueAtOnce = false
    item.isTakenUp = false
    this.hand(message)
    if (item.start !== undefined && !Message.isClaimed(message) && this.#consumer.passesOn !== true)
      item.start.begin()
  }

  /**
   * A message that is settled before `next` returns is never entered. At its first delivery a message has only its
   * order as its tag: a failure makes its Item.
   */
  hand(message: Message): void {
    try {
      if (Message.isClosed(message) && this.#consumer.passesOn !== true) Message.open(message)
      this.#consumer.next(message)
    } catch (error) {
      this.fail(message, error)
    }
    if (Message.tagOf(message) !== undefined) this.#enter(message)
  }

  #enter(message: Message): void {
    if (this.#standing === Standing.Ended) return
    this.#unsettled ??= new OpenDeliveries()
    this.#unsettled.enter(message)
    // The time of a claimed message begins with its work: until then it waits behind others.
    if (this.ackTimeout > 0 && !Message.isClaimed(message)) this.extend(message)
    if (!this.hasCredit) this.#subscription.changed()
  }

  /** Closes an open delivery. @returns its item; undefined if it was settled or taken away */
  #takeBack(message: Message): Item | undefined {
    const tag = this.#close(message)
    return tag === undefined ? undefined : itemOfTag(message, tag)
  }

  /** Like #takeBack, but makes no Item at a first delivery. */
  #close(message: Message): Tag | undefined {
    const tag = Message.tagOf(message) as Tag | undefined
    if (tag === undefined || this.#standing === Standing.Ended || Message.settlerOf(message) !== this)
      return undefined
    Message.tag(message, undefined)
    // A message that is settled at once is not entered yet, and needs no look-up if nothing else is open.
    if (this.inFlight > 0) this.#unsettled?.settled(message, tag)
    this.#deadlines?.cancel(message)
    if (typeof tag !== 'number') tag.start?.begin()
    return tag
  }

  ack(message: Message): boolean {
    if (this.#close(message) === undefined) return false
    this.#subscription.acked(message)
    return true
  }

  fail(message: Message, error: unknown, retry?: RetryRule): boolean {
    const item = this.#takeBack(message)
    if (item === undefined) return false
    item.avoid = this
    this.#subscription.failed(item, error, retry)
    return true
  }

  reject(message: Message, reason: unknown): boolean {
    const item = this.#takeBack(message)
    if (item !== undefined) this.#subscription.rejected(item, reason)
    return item !== undefined
  }

  release(message: Message, untouched = false, isAbandoned = false): boolean {
    if (untouched) startOf(message)?.cancel()
    const item = this.#takeBack(message)
    if (item !== undefined) this.#subscription.returned([item], untouched && !this.isPassed, isAbandoned)
    return item !== undefined
  }

  /** The consumer is in this process, so its death needs no record. */
  begin(message: Message): void {
    this.extend(message)
    if (startOf(message) !== undefined)
      beginThrough(message, this.#consumer.passesOn === true ? this.open : undefined)
  }

  extend(message: Message): void {
    if (this.ackTimeout === 0 || this.#standing === Standing.Ended || Message.tagOf(message) === undefined)
      return
    this.#deadlines ??= new AckDeadlines(this.#subscription.owner)
    this.#deadlines.set(message, this.ackTimeout, (error, why) => {
      if (this.fail(message, error)) takenAway(this.#consumer, [message], why)
    })
  }

  get subscription(): MemberOwner {
    return this.#subscription
  }

  get open(): OpenDeliveries | undefined {
    return this.#unsettled
  }

  /** Opens a delivery again that it had in another process. */
  holds(item: Item): Message {
    // Its subscription may have had others there.
    this.isPassed = true
    const message = Message.of(item.envelope, this, item.failures + 1, item.deliveries > 1, item)
    this.#subscription.reopened(item)
    this.#unsettled ??= new OpenDeliveries()
    this.#unsettled.enter(message)
    return message
  }

  leave(cause: LeaveCause): void {
    if (this.#standing >= Standing.Left) return
    this.#standing = Standing.Left
    const taken = this.#giveBack(cause)
    this.#subscription.left(this, cause)
    takenAway(this.#consumer, taken, 'its subscriber is gone')
  }

  suspend(cause: LeaveCause): void {
    if (this.#standing !== Standing.Attached) return
    this.#standing = Standing.Suspended
    this.#subscription.changed()
    takenAway(this.#consumer, this.#giveBack(cause, true), 'its pipeline broke off')
  }

  resume(consumer: Consumer): void {
    if (this.#standing !== Standing.Suspended) return
    this.#standing = Standing.Attached
    this.#consumer = consumer
    this.#subscription.wake()
  }

  pause(): void {
    this.#subscription.changed()
  }

  wake(): void {
    this.#subscription.wake()
  }

  /** The subscription is given up: unsettled messages go back to it. A member that left settles its own. */
  surrender(): void {
    if (this.#standing < Standing.Left) takenAway(this.#consumer, this.#giveBack('unsubscribe'), REMOVED)
  }

  /** The subscription is gone: no message comes any more, and no verdict counts. */
  end(): void {
    const taken = this.#unsettled?.all() ?? []
    for (const message of taken) this.#close(message)
    this.#standing = Standing.Ended
    takenAway(this.#consumer, taken, REMOVED)
  }

  complete(): void {
    this.#consumer.complete()
  }

  /** @returns the messages that it gave back */
  #giveBack(cause: LeaveCause, isSuspended = false): readonly Message[] {
    if (cause === 'complete' || cause === 'death') return []
    const items: Item[] = []
    const messages = this.#unsettled?.all() ?? []
    for (const message of messages) {
      const item = this.#takeBack(message)
      if (item === undefined) continue
      item.isTakenUp = isSuspended
      items.push(item)
    }
    this.#subscription.returned(items, false)
    return messages
  }
}

/** The time of a message that is passed on runs at its destination. */
function timedHere(consumer: Consumer, { ackTimeout }: SubscriptionRequest): number {
  return consumer.passesOn === true ? 0 : ackTimeout
}

/** A message that is passed on has its signal at its destination. */
function takenAway({ passesOn }: Consumer, messages: readonly Message[], why: string): void {
  if (passesOn !== true) takeAway(messages, why)
}

/** A consumer that passes messages on does this at their destination. */
function giveBackWaiting(member: Member, open: readonly Message[]): void {
  const waiting = open.filter(isWaiting)
  for (const message of waiting) member.release(message, true)
  takeAway(waiting, PAUSED)
}

/** @param open the deliveries of a consumer that passes messages on: it reports the last one that has begun */
function beginThrough(message: Message, open: OpenDeliveries | undefined): void {
  for (const each of open?.all() ?? []) {
    if (each === message) break
    startOf(each)?.begin()
  }
  startOf(message)?.begin()
}
