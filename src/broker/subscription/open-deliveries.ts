import { Message } from '../../message/message.js'

/** The most settled messages that may stay in the list until it is tidied up. */
const SPARE = 64
const SPARE_BYTES = 1024 * 1024

/**
 * The unsettled messages of one consumer, oldest first. A list, not a Set: they come and go by the thousand, mostly in
 * order. A settled message has no tag.
 */
export class OpenDeliveries {
  #messages: Message[] = []
  #size = 0
  #bytes = 0
  /** Of settled messages that are still in the list. */
  #settledBytes = 0

  get size(): number {
    return this.#size
  }

  /** Of their payloads. */
  get bytes(): number {
    return this.#bytes
  }

  add(message: Message): void {
    this.#messages.push(message)
    this.#size += 1
    this.#bytes += Message.sizeOf(message)
  }

  /** One of them has lost its tag. */
  settled(message: Message): void {
    const bytes = Message.sizeOf(message)
    this.#size -= 1
    this.#bytes -= bytes
    this.#settledBytes += bytes
    if (this.#size === 0 || this.#isSpare) this.#tidy()
  }

  /** The messages that are open now. */
  all(): Message[] {
    return this.#messages.filter(message => Message.tagOf(message) !== undefined)
  }

  get #isSpare(): boolean {
    return this.#messages.length > 2 * this.#size + SPARE || this.#settledBytes > SPARE_BYTES
  }

  #tidy(): void {
    this.#messages = this.#size === 0 ? [] : this.all()
    this.#settledBytes = 0
  }
}
