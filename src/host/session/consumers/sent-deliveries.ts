import type { Membership } from '../../../bus/contract/broker.js'
import type { Message } from '../../../message/message.js'

/** Shared and never written to: most of very many subscriptions have no open delivery. */
const none: (Message | undefined)[] = []

/** When the list is longer than the open deliveries by this much, the open ones move to a map. */
const SPARSE = 8_192

/**
 * Numbers the deliveries of one consumer, and keeps those that are not settled. A base class rather than a part: a host may have
 * 100,000 consumers, and each part would be one more object for each of them.
 */
export abstract class SentDeliveries {
  /** Deliveries from number `#base` on; undefined once settled. */
  #list = none
  #base = 1
  /** Open deliveries from before `#base`: a few that stay open while thousands pass. */
  #stragglers: Map<number, Message> | undefined
  #count = 0
  /** The last delivery that the client reported as begun. */
  #handed = 0

  /** The open deliveries, by their numbers. */
  get open(): readonly [number, Message][] {
    const open: [number, Message][] = [...(this.#stragglers ?? [])]
    this.#list.forEach((message, i) => {
      if (message !== undefined) open.push([this.#base + i, message])
    })
    return open
  }

  get holds(): boolean {
    return this.#count > 0
  }

  protected get openCount(): number {
    return this.#count
  }

  /** The number of the last delivery. */
  protected get lastNumber(): number {
    return this.#base + this.#list.length - 1
  }

  protected get handed(): number {
    return this.#handed
  }

  /** Continues the numbers of another process. Call it before the first delivery. */
  protected startAfter(last: number, handed: number): void {
    this.#base = last + 1
    this.#handed = handed
  }

  /**
   * Gives the delivery the next number.
   *
   * @returns whether it is the only open one
   */
  protected addOpen(message: Message): boolean {
    if (this.#list === none) this.#list = [message]
    else this.#list.push(message)
    const isFirst = this.#count++ === 0
    if (this.#list.length > SPARSE + 2 * this.#count) this.#compact()
    return isFirst
  }

  /**
   * Restores an open delivery of another process.
   *
   * @returns whether it is the only open one
   */
  protected keepOpen(number: number, message: Message): boolean {
    this.#stragglers ??= new Map()
    this.#stragglers.set(number, message)
    return this.#count++ === 0
  }

  /**
   * The client has begun this delivery.
   *
   * @returns its message, if that is news and it is open
   */
  protected began(number: number): Message | undefined {
    const isNews = number > this.#handed
    this.#handed = number
    if (!isNews) return undefined
    return number < this.#base ? this.#stragglers?.get(number) : this.#list[number - this.#base]
  }

  /** The messages in work. With automatic settlement the client works on the oldest, and reports none as begun. */
  protected takeInWork(): Iterable<Message> {
    const begun = this.open.filter(([number]) => number <= this.#handed)
    return this.#taken(begun.length > 0 ? begun : this.open.slice(0, 1))
  }

  /** Closes all open deliveries one by one. */
  protected takeAll(): Iterable<Message> {
    return this.#taken(this.open)
  }

  *#taken(deliveries: readonly [number, Message][]): Generator<Message> {
    for (const [number, message] of deliveries) {
      this.closeDelivery(number)
      yield message
    }
  }

  /** Takes an open delivery out; undefined if it is settled already. */
  protected closeDelivery(number: number): Message | undefined {
    if (number < this.#base) {
      const message = this.#stragglers?.get(number)
      if (this.#stragglers?.delete(number) === true) this.#count--
      return message
    }
    const message = this.#list[number - this.#base]
    if (message === undefined) return undefined
    this.#list[number - this.#base] = undefined
    this.#count--
    return message
  }

  /** Acks all open deliveries up to this number. */
  protected closeThrough(through: number, membership: Membership | undefined): void {
    for (const [number, message] of this.#stragglers ?? []) {
      if (number > through) break
      this.#stragglers?.delete(number)
      this.#count--
      membership?.ack(message)
    }
    if (through < this.#base) return
    const settled = this.#list.splice(0, through - this.#base + 1)
    this.#base = through + 1
    for (const message of settled) {
      if (message === undefined) continue
      this.#count--
      membership?.ack(message)
    }
  }

  protected clearOpen(): void {
    this.#list = none
    this.#stragglers = undefined
  }

  #compact(): void {
    const stragglers = (this.#stragglers ??= new Map<number, Message>())
    for (const [number, message] of this.open) if (number >= this.#base) stragglers.set(number, message)
    // The delivery that is being sent keeps its place.
    const last = this.lastNumber
    stragglers.delete(last)
    this.#list = this.#list.slice(-1)
    this.#base = last
  }
}
