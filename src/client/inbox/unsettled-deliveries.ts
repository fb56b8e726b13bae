import type { LeaveCause } from '../../bus/contract/broker.js'
import { Message } from '../../message/message.js'
import { Deadlines } from './deadlines.js'
import { isOpen, numberOf } from './delivery-number.js'
import { WithdrawnMessages } from './withdrawn-messages.js'

/** The deliveries of one subscription that the app has and did not settle yet. */
export class UnsettledDeliveries {
  readonly withdrawn = new WithdrawnMessages()
  readonly #onWithdrawnSettled: () => void
  readonly #deadlines: Deadlines
  /** The message whose `next` is running. */
  #inHand: Message | undefined
  /** The messages whose `next` has returned. */
  readonly #messages = new Set<Message>()
  /** The last delivery that the consumer began to work on. Messages that wait inside `handle` come after it. */
  #lastBegun = 0

  /**
   * @param ackTimeout in milliseconds; 0: none
   * @param onTimeout called with a delivery that was not settled in time
   * @param onWithdrawnSettled called when the app settles a message that the host took back
   */
  constructor(ackTimeout: number, onTimeout: (message: Message) => void, onWithdrawnSettled: () => void) {
    this.#deadlines = new Deadlines(ackTimeout, onTimeout)
    this.#onWithdrawnSettled = onWithdrawnSettled
  }

  get size(): number {
    return this.#messages.size + (this.#openInHand === undefined ? 0 : 1)
  }

  /** Everything that the app works on. */
  get inHand(): number {
    return this.size + this.withdrawn.size
  }

  get sole(): Message | undefined {
    if (this.size !== 1) return undefined
    return this.#openInHand ?? this.#messages.values().next().value
  }

  get lastBegun(): number {
    return this.#lastBegun
  }

  get messages(): Iterable<Message> {
    return this.#messages
  }

  get isTimed(): boolean {
    return this.#deadlines.limit > 0
  }

  set ackTimeout(milliseconds: number) {
    this.#deadlines.limit = milliseconds
  }

  /** `next` begins. */
  enter(message: Message): void {
    this.#inHand = message
  }

  /** `next` has returned. @returns whether the delivery is still open */
  exit(message: Message): boolean {
    this.#inHand = undefined
    if (!isOpen(message)) return false
    this.#messages.add(message)
    return true
  }

  /** @returns whether the host has to hear of it */
  begin(number: number): boolean {
    if (number <= this.#lastBegun) return false
    this.#lastBegun = number
    return true
  }

  startDeadline(message: Message): void {
    this.#deadlines.start(message)
  }

  /** @returns the number of the delivery that this closes; undefined when it was not open */
  close(message: Message): number | undefined {
    const number = numberOf(message)
    if (number === undefined) {
      if (this.withdrawn.delete(message)) this.#onWithdrawnSettled()
      return undefined
    }
    Message.tag(message, undefined)
    if (message !== this.#inHand) this.#messages.delete(message)
    if (!this.#deadlines.isEmpty) this.#deadlines.stop(message)
    return number
  }

  /** The open deliveries up to this number. */
  through(last: number): Message[] {
    const all = this.#inHand === undefined ? [...this.#messages] : [...this.#messages, this.#inHand]
    return all.filter(message => (numberOf(message) ?? Infinity) <= last)
  }

  /** The messages whose `next` has returned, in order of delivery. */
  inOrder(): Message[] {
    return [...this.#messages].sort((a, b) => (numberOf(a) as number) - (numberOf(b) as number))
  }

  /**
   * The consumer leaves: closes the deliveries that go back to the host, without a verdict.
   * @param goesBack called with each message that goes back
   * @returns the deliveries that stay
   */
  leave(cause: LeaveCause, goesBack: (message: Message) => void): number[] {
    const isKept = cause === 'complete' || cause === 'death'
    if (!isKept) {
      this.withdrawn.clear()
      for (const message of this.#messages) {
        goesBack(message)
        this.close(message)
      }
    }
    return [...this.#messages, ...(this.#openInHand === undefined ? [] : [this.#openInHand])].map(
      message => numberOf(message) as number,
    )
  }

  /** Call it before these messages are closed. Messages whose work has not begun are not kept: it will not begin. */
  withdraw(messages: Iterable<Message>): void {
    for (const message of messages)
      if ((numberOf(message) as number) <= this.#lastBegun) this.withdrawn.add(message)
  }

  /**
   * The session is lost: closes all without a verdict.
   *
   * @param isWithdrawn the app may go on working on them
   * @returns the closed ones
   */
  reset(isWithdrawn: boolean): Message[] {
    if (isWithdrawn) this.withdraw(this.#messages)
    const closed = [...this.#messages, ...(this.#openInHand === undefined ? [] : [this.#openInHand])]
    for (const message of closed) Message.tag(message, undefined)
    this.#messages.clear()
    this.#deadlines.clear()
    this.#lastBegun = 0
    return closed
  }

  get #openInHand(): Message | undefined {
    return this.#inHand !== undefined && isOpen(this.#inHand) ? this.#inHand : undefined
  }
}
