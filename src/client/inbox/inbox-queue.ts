import type { Message } from '../../message/message.js'
import { numberOf } from './delivery-number.js'

/** Deliveries that are not handed out yet, in order. Some are kept back, to come before all others later. */
export class InboxQueue {
  #waiting: (Message | undefined)[] = []
  #next = 0
  #kept: Message[] = []
  /** Messages that were kept back, and are now first in the queue. */
  readonly #brought = new Set<Message>()

  get isEmpty(): boolean {
    return this.first === undefined && this.#kept.length === 0
  }

  get length(): number {
    return this.#waiting.length - this.#next + this.#kept.length
  }

  get first(): Message | undefined {
    return this.#waiting[this.#next]
  }

  /** The first message was kept back, to come before all others. */
  get isFirstBrought(): boolean {
    return this.#brought.size > 0 && this.first !== undefined && this.#brought.has(this.first)
  }

  push(message: Message): void {
    this.#waiting.push(message)
  }

  keepBack(message: Message): void {
    this.#kept.push(message)
  }

  bringKept(): void {
    const kept = this.#kept
    this.#kept = []
    for (const message of kept) this.#brought.add(message)
    this.putFirst(kept)
  }

  /** Removes the first message. */
  shift(): void {
    if (this.#brought.size > 0 && this.first !== undefined) this.#brought.delete(this.first)
    this.#waiting[this.#next++] = undefined
    // Removing one element at a time would cost as much as the queue is long. A new list whenever the queue is empty would
    // cost one for each message, since most messages are alone here.
    if (this.#next < 1024) return
    this.#waiting.splice(0, this.#next)
    this.#next = 0
  }

  putFirst(messages: readonly Message[]): void {
    if (messages.length === 0) return
    this.#waiting = [...messages, ...this.#queued()]
    this.#next = 0
  }

  /** Removes all messages up to the delivery with this number. */
  removeThrough(last: number): Message[] {
    const isOver = (message: Message): boolean => (numberOf(message) as number) <= last
    const over = [...this.#kept, ...this.#queued()].filter(isOver)
    for (const message of over) this.#brought.delete(message)
    this.#kept = this.#kept.filter(message => !isOver(message))
    this.#waiting = this.#queued().filter(message => !isOver(message))
    this.#next = 0
    return over
  }

  /** @returns the removed messages */
  clear(): Message[] {
    const all = [...this.#kept, ...this.#queued()]
    this.#kept = []
    this.#brought.clear()
    this.#empty()
    return all
  }

  #queued(): Message[] {
    return this.#waiting.slice(this.#next).filter(message => message !== undefined)
  }

  #empty(): void {
    this.#waiting = []
    this.#next = 0
  }
}
