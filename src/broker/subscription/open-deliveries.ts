import { Message } from '../../message/message.js'

/** Of what was settled, so much may stay in the list until it is tidied up. */
const SPARE = 64
const SPARE_BYTES = 1024 * 1024

/**
 * What one consumer holds unsettled, oldest first. A list, not a Set: they come and go by the thousand, mostly in order, and
 * what was settled is known by its missing tag.
 */
export class OpenDeliveries {
  #messages: Message[] = []
  #size = 0
  #bytes = 0
  /** Of messages that are in the list and settled. */
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

  /** One that was added has lost its tag. */
  settled(message: Message): void {
    const bytes = Message.sizeOf(message)
    this.#size -= 1
    this.#bytes -= bytes
    this.#settledBytes += bytes
    if (this.#size === 0 || this.#isSpare) this.#tidy()
  }

  /** Those that are open by now. */
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
