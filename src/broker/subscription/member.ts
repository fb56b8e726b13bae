import type { Consumer, LeaveCause, Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { AckTimeoutError, type MsgvanError } from '../../errors.js'
import { Message, type RetryRule } from '../../message/message.js'
import { Item } from './item.js'
import type { SubscriptionOwner } from './subscription-owner.js'
import { OpenDeliveries } from './open-deliveries.js'

/** Unsettled payload bytes at one consumer: beyond this it gets nothing more, though always one message. */
const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024

enum Standing {
  Attached,
  Suspended,
  /** Only settles what it still holds. */
  Left,
  /** Settles nothing any more. */
  Ended,
}

/** What a member needs of its subscription. */
export interface MemberOwner {
  readonly rules: SubscriptionRequest
  readonly owner: Pick<SubscriptionOwner<never>, 'after' | 'now' | 'report'>
  readonly ready: number
  readonly readTo: number
  /** Something is no longer as it was: members, credit, rules. */
  changed(): void
  wake(): void
  acked(): void
  failed(item: Item, error: unknown, retry?: RetryRule): void
  rejected(item: Item, reason: unknown): void
  returned(items: readonly Item[], untouched: boolean): void
  left(member: Member, cause: LeaveCause): void
}

/** One consumer's place in a subscription, and the settler of what it is handed. `message.tag` says that it is open. */
export class Member implements Membership {
  readonly pattern: RegExp | string
  ackTimeout: number
  readonly #subscription: MemberOwner
  readonly #prefetch: number
  /** Made with the first: of very many members few ever have any. */
  #unsettled: OpenDeliveries | undefined
  #deadlines: Map<Message, () => void> | undefined
  #standing: Standing = Standing.Attached
  #consumer: Consumer

  constructor(subscription: MemberOwner, consumer: Consumer, { pattern, prefetch }: SubscriptionRequest) {
    this.#subscription = subscription
    this.#consumer = consumer
    this.pattern = pattern
    this.ackTimeout = timedHere(consumer, subscription.rules)
    this.#prefetch = prefetch
  }

  /** Its client is cut off. */
  get isAway(): boolean {
    return this.#consumer.isAway === true
  }

  /** Its subscription has other rules from now on. */
  ruled(rules: SubscriptionRequest): void {
    this.ackTimeout = timedHere(this.#consumer, rules)
    this.#consumer.ruled?.(rules)
  }

  get inFlight(): number {
    return this.#unsettled?.size ?? 0
  }

  get hasCredit(): boolean {
    if (this.#standing !== Standing.Attached || this.#consumer.isBusy === true) return false
    const open = this.#unsettled
    if (open === undefined || open.size === 0) return true
    return open.size < this.#prefetch && open.bytes < MAX_BYTES_IN_FLIGHT
  }

  /**
   * It may have again what it failed a moment ago. Beyond its credit in bytes: it asked for this one first, and has held it beside the
   * others before.
   */
  get takesBack(): boolean {
    if (this.#standing !== Standing.Attached || this.inFlight >= this.#prefetch) return false
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
  }

  /**
   * What is settled before `next` returns never enters the books. Of a message that is handed out for the first time its
   * place in the order is all there is to know, and its tag: an Item is made only when something goes wrong.
   */
  hand(message: Message): void {
    try {
      if (Message.isClosed(message) && this.#consumer.passesOn !== true) Message.open(message)
      this.#consumer.next(message)
    } catch (error) {
      this.fail(message, error)
    }
    if (Message.tagOf(message) !== undefined) this.#book(message)
  }

  #book(message: Message): void {
    if (this.#standing === Standing.Ended) return
    const open = Message.tagOf(message) as Item | number
    // That it is in the books is told by its tag: a number below zero, or the item itself.
    if (typeof open === 'number') Message.tag(message, -open)
    else open.isBooked = true
    this.#unsettled ??= new OpenDeliveries()
    this.#unsettled.add(message)
    // Of one that was claimed time runs from its beginning on: until then it waits behind others, which is not its fault.
    if (this.ackTimeout > 0 && !Message.isClaimed(message)) this.extend(message)
    if (!this.hasCredit) this.#subscription.changed()
  }

  /** The item of an open delivery, which is closed by this; undefined when it was settled or taken away. */
  #takeBack(message: Message): Item | undefined {
    const open = this.#close(message)
    return typeof open === 'number' ? Item.handedOut(Message.envelopeOf(message), Math.abs(open)) : open
  }

  /** As #takeBack, without making an Item of the order of one that was new. */
  #close(message: Message): Item | number | undefined {
    const open = Message.tagOf(message) as Item | number | undefined
    if (open === undefined || this.#standing === Standing.Ended || Message.settlerOf(message) !== this)
      return undefined
    Message.tag(message, undefined)
    // What is settled at once is not in the books yet, and costs no look-up where nothing else is open.
    if (this.inFlight > 0 || this.#deadlines !== undefined) this.#strike(message, open)
    return open
  }

  #strike(message: Message, open: Item | number): void {
    if (typeof open === 'number' ? open < 0 : open.isBooked) this.#unsettled?.settled(message)
    if (typeof open !== 'number') open.isBooked = false
    const cancel = this.#deadlines?.get(message)
    if (cancel === undefined) return
    cancel()
    this.#deadlines?.delete(message)
  }

  ack(message: Message): boolean {
    if (this.#close(message) === undefined) return false
    this.#subscription.acked()
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
    if (item === undefined) return false
    this.#subscription.rejected(item, reason)
    return true
  }

  release(message: Message, untouched = false): boolean {
    const item = this.#takeBack(message)
    if (item === undefined) return false
    this.#subscription.returned([item], untouched)
    return true
  }

  /** A death takes this whole process along: there is nobody to tell. */
  begin(message: Message): void {
    this.extend(message)
  }

  extend(message: Message): void {
    if (this.ackTimeout === 0 || this.#standing === Standing.Ended || Message.tagOf(message) === undefined)
      return
    this.#deadlines ??= new Map()
    this.#deadlines.get(message)?.()
    this.#deadlines.set(
      message,
      this.#subscription.owner.after(this.ackTimeout, () => this.#timedOut(message)),
    )
  }

  #timedOut(message: Message): void {
    this.fail(message, new AckTimeoutError(`Not settled within ackTimeout, ${this.ackTimeout} ms.`))
  }

  get subscription(): MemberOwner {
    return this.#subscription
  }

  get prefetch(): number {
    return this.#prefetch
  }

  /** What it holds. */
  *held(): Generator<Item> {
    for (const message of this.#unsettled?.all() ?? []) {
      const item = Member.itemOf(message)
      if (item !== undefined) yield item
    }
  }

  /** What is owed by an open delivery. */
  static itemOf(message: Message): Item | undefined {
    const open = Message.tagOf(message) as Item | number | undefined
    return typeof open === 'number' ? Item.handedOut(Message.envelopeOf(message), Math.abs(open)) : open
  }

  /** In another process it held this: it does again. @returns the delivery, which is open */
  holds(item: Item): Message {
    const message = Message.of(item.envelope, this, item.failures + 1, item.deliveries > 1, item)
    item.isBooked = true
    this.#subscription.changed()
    this.#unsettled ??= new OpenDeliveries()
    this.#unsettled.add(message)
    return message
  }

  leave(cause: LeaveCause): void {
    if (this.#standing >= Standing.Left) return
    this.#standing = Standing.Left
    this.#giveBack(cause)
    this.#subscription.left(this, cause)
  }

  suspend(cause: LeaveCause): void {
    if (this.#standing !== Standing.Attached) return
    this.#standing = Standing.Suspended
    this.#subscription.changed()
    this.#giveBack(cause, true)
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

  /** The subscription is being given up: what is not settled goes back there. One that left settles what it kept. */
  surrender(): void {
    if (this.#standing < Standing.Left) this.#giveBack('unsubscribe')
  }

  /** The subscription itself is gone: nothing comes any more, and no verdict counts. */
  end(): void {
    for (const message of this.#unsettled?.all() ?? []) this.#close(message)
    this.#standing = Standing.Ended
  }

  complete(): void {
    this.#consumer.complete()
  }

  #giveBack(cause: LeaveCause, isSuspended = false): void {
    if (cause === 'complete' || cause === 'death') return
    const items: Item[] = []
    for (const message of this.#unsettled?.all() ?? []) {
      const item = this.#takeBack(message)
      if (item === undefined) continue
      item.isTakenUp = isSuspended
      items.push(item)
    }
    this.#subscription.returned(items, false)
  }
}

/** Where messages are passed on, their time runs where they go. */
function timedHere(consumer: Consumer, { ackTimeout }: SubscriptionRequest): number {
  return consumer.passesOn === true ? 0 : ackTimeout
}
