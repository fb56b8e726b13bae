import { Message } from '../../message/message.js'
import type { Separator } from '../memory/separator.js'
import { Item } from './backlog/item.js'
import type { Start } from './throttle.js'

/** The most settled messages that may stay in the list until it is tidied up. */
const SPARE = 64
const SPARE_BYTES = 1024 * 1024
/** Unsettled payload bytes at one consumer. Beyond this it gets no more, but it always gets one message. */
const MAX_BYTES_IN_FLIGHT = 16 * 1024 * 1024

/**
 * The tag of an open message: its item, or only its order at a first delivery. The order of an entered message is below
 * zero. A settled message has no tag.
 */
export type Tag = Item | number

/**
 * The unsettled messages of one consumer, oldest first. A list, not a Set: they come and go by the thousand, mostly in
 * order.
 */
export class OpenDeliveries {
  #messages: Message[] = []
  #size = 0
  #bytes = 0
  /** The bytes of settled messages that are still in the list. */
  #settledBytes = 0

  get size(): number {
    return this.#size
  }

  /** The bytes of the payloads. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether its consumer may have one more. */
  hasRoom(prefetch: number): boolean {
    return this.#size === 0 || (this.#size < prefetch && this.#bytes < MAX_BYTES_IN_FLIGHT)
  }

  /** Enters a message that is open. */
  enter(message: Message): void {
    const tag = Message.tagOf(message) as Tag
    if (typeof tag === 'number') Message.tag(message, -tag)
    else tag.isEntered = true
    this.#messages.push(message)
    this.#size += 1
    this.#bytes += Message.sizeOf(message)
    Message.hold(message)
  }

  /** A message has lost this tag. It may not be entered. */
  settled(message: Message, tag: Tag): void {
    if (typeof tag === 'number' ? tag >= 0 : !tag.isEntered) return
    if (typeof tag !== 'number') tag.isEntered = false
    const bytes = Message.sizeOf(message)
    this.#size -= 1
    this.#bytes -= bytes
    Message.release(message)
    this.#settledBytes += bytes
    if (this.#size === 0 || this.#isSpare) this.#tidy()
  }

  /** The messages that are open now. */
  all(): Message[] {
    return this.#messages.filter(message => Message.tagOf(message) !== undefined)
  }

  /** Their items. */
  *items(): Generator<Item> {
    for (const message of this.all()) {
      const item = itemOf(message)
      if (item !== undefined) yield item
    }
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (const message of this.all()) {
      const envelope = separator.apart(Message.envelopeOf(message))
      Message.move(message, envelope)
      const tag = Message.tagOf(message)
      if (tag instanceof Item) tag.envelope = envelope
    }
  }

  get #isSpare(): boolean {
    return this.#messages.length > 2 * this.#size + SPARE || this.#settledBytes > SPARE_BYTES
  }

  #tidy(): void {
    this.#messages = this.#size === 0 ? [] : this.all()
    this.#settledBytes = 0
  }
}

/** The item of an open delivery. */
export function itemOf(message: Message): Item | undefined {
  const tag = Message.tagOf(message) as Tag | undefined
  return tag === undefined ? undefined : itemOfTag(message, tag)
}

/** Makes the item of a first delivery. */
export function itemOfTag(message: Message, tag: Tag): Item {
  return typeof tag === 'number' ? Item.handedOut(Message.envelopeOf(message), Math.abs(tag)) : tag
}

/** Of a delivery of a throttled subscription. */
export function startOf(message: Message): Start | undefined {
  const tag = Message.tagOf(message) as Tag | undefined
  return typeof tag === 'object' ? tag.start : undefined
}
