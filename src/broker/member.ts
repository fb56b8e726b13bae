import type { Consumer, LeaveCause, Membership, SubscriptionRequest } from '../bus/broker.js'
import { Message, type RetryRule } from '../message/message.js'
import type { Item } from './item.js'
import type { Subscription } from './subscription.js'

/** Unsettled payload bytes at one consumer: beyond this it gets nothing more, though always one message. */
const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024

enum Standing {
  Attached,
  Suspended,
  /** Only settles what it still holds. */
  Left,
}

/** One consumer's place in a subscription, and the settler of what it is handed. `message.tag` is the Item while it is open. */
export class Member implements Membership {
  readonly pattern: RegExp | string
  readonly ackTimeout: number
  readonly #subscription: Subscription
  readonly #prefetch: number
  readonly #unsettled = new Set<Message>()
  readonly #deadlines = new Map<Message, () => void>()
  #bytes = 0
  #standing: Standing = Standing.Attached
  #consumer: Consumer
  #inHand: Message | undefined

  constructor(subscription: Subscription, consumer: Consumer, { pattern, prefetch }: SubscriptionRequest) {
    this.#subscription = subscription
    this.#consumer = consumer
    this.pattern = pattern
    this.ackTimeout = subscription.rules.ackTimeout
    this.#prefetch = prefetch
  }

  get inFlight(): number {
    return this.#unsettled.size
  }

  get hasCredit(): boolean {
    return (
      this.#standing === Standing.Attached &&
      this.#unsettled.size < this.#prefetch &&
      (this.#bytes < MAX_BYTES_IN_FLIGHT || this.#unsettled.size === 0)
    )
  }

  get sole(): Message | undefined {
    if (this.#unsettled.size !== 1) return undefined
    const [message] = this.#unsettled
    return message
  }

  /** Hands out one message. What is settled before `next` returns never enters the books. */
  hand(item: Item): void {
    const message = new Message(item.envelope, this, item.failures + 1, item.deliveries > 0, item)
    item.deliveries += 1
    const before = this.#inHand
    this.#inHand = message
    try {
      this.#consumer.next(message)
    } catch (error) {
      this.fail(message, error)
    } finally {
      this.#inHand = before
    }
    if (Message.tagOf(message) === item) this.#book(message, item)
  }

  #book(message: Message, item: Item): void {
    this.#unsettled.add(message)
    this.#bytes += item.envelope.size
    if (this.ackTimeout > 0) this.extend(message)
  }

  /** The item of an open delivery, which is closed by this; undefined when it was settled or taken away. */
  #close(message: Message): Item | undefined {
    const item = Message.tagOf(message) as Item | undefined
    if (item === undefined || Message.settlerOf(message) !== this) return undefined
    Message.tag(message, undefined)
    // The message in hand is not in the books yet: what is settled at once costs no look-up.
    if (message !== this.#inHand && this.#unsettled.delete(message)) {
      this.#bytes -= item.envelope.size
      const cancel = this.#deadlines.get(message)
      if (cancel !== undefined) {
        cancel()
        this.#deadlines.delete(message)
      }
    }
    return item
  }

  ack(message: Message): boolean {
    const item = this.#close(message)
    if (item === undefined) return false
    this.#subscription.acked()
    return true
  }

  fail(message: Message, error: unknown, retry?: RetryRule): boolean {
    const item = this.#close(message)
    if (item === undefined) return false
    item.avoid = this
    this.#subscription.failed(item, error, retry)
    return true
  }

  reject(message: Message, reason: unknown): boolean {
    const item = this.#close(message)
    if (item === undefined) return false
    this.#subscription.rejected(item, reason)
    return true
  }

  release(message: Message, untouched = false): boolean {
    const item = this.#close(message)
    if (item === undefined) return false
    this.#subscription.returned([item], untouched)
    return true
  }

  extend(message: Message): void {
    if (this.ackTimeout === 0 || Message.tagOf(message) === undefined) return
    this.#deadlines.get(message)?.()
    this.#deadlines.set(
      message,
      this.#subscription.after(this.ackTimeout, () => this.#subscription.timedOut(this, message)),
    )
  }

  leave(cause: LeaveCause): void {
    if (this.#standing === Standing.Left) return
    this.#standing = Standing.Left
    this.#giveBack(cause)
    this.#subscription.left(this)
  }

  suspend(cause: LeaveCause): void {
    if (this.#standing !== Standing.Attached) return
    this.#standing = Standing.Suspended
    this.#giveBack(cause)
  }

  resume(consumer: Consumer): void {
    if (this.#standing !== Standing.Suspended) return
    this.#standing = Standing.Attached
    this.#consumer = consumer
    this.#subscription.wake()
  }

  /** The subscription itself is gone: nothing comes any more, and no verdict counts. */
  end(): void {
    this.#standing = Standing.Left
    for (const message of [...this.#unsettled]) this.#close(message)
    if (this.#inHand !== undefined) this.#close(this.#inHand)
  }

  complete(): void {
    this.#consumer.complete()
  }

  #giveBack(cause: LeaveCause): void {
    if (cause === 'complete') return
    const items: Item[] = []
    for (const message of [...this.#unsettled]) {
      const item = this.#close(message)
      if (item !== undefined) items.push(item)
    }
    this.#subscription.returned(items, false)
  }
}
