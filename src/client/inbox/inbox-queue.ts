import { Message } from '../../message/message.js'

/** Deliveries that came and were not handed out yet, in order; and those that are kept back to come before all others. */
export class InboxQueue {
  #waiting: (Message | undefined)[] = []
  #next = 0
  #kept: Message[] = []
  /** Those that were kept back and come next now. */
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

  /** The next one was kept back to come before all others. */
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

  /** Takes the first one out. */
  shift(): void {
    if (this.#brought.size > 0 && this.first !== undefined) this.#brought.delete(this.first)
    this.#waiting[this.#next++] = undefined
    // Not one element at a time: that would make each step as long as the queue. Nor each time that nothing waits: as a rule
    // each message is alone here, and would have a list of its own.
    if (this.#next < 1024) return
    this.#waiting.splice(0, this.#next)
    this.#next = 0
  }

  putFirst(messages: readonly Message[]): void {
    if (messages.length === 0) return
    this.#waiting = [...messages, ...this.#standing()]
    this.#next = 0
  }

  /** Takes out all up to the delivery with this number. */
  takeThrough(last: number): Message[] {
    const isOver = (message: Message): boolean => (Message.tagOf(message) as number) <= last
    const over = [...this.#kept, ...this.#standing()].filter(isOver)
    for (const message of over) this.#brought.delete(message)
    this.#kept = this.#kept.filter(message => !isOver(message))
    this.#waiting = this.#standing().filter(message => !isOver(message))
    this.#next = 0
    return over
  }

  /** @returns what was there */
  clear(): Message[] {
    const all = [...this.#kept, ...this.#standing()]
    this.#kept = []
    this.#brought.clear()
    this.#empty()
    return all
  }

  #standing(): Message[] {
    return this.#waiting.slice(this.#next).filter(message => message !== undefined)
  }

  #empty(): void {
    this.#waiting = []
    this.#next = 0
  }
}
