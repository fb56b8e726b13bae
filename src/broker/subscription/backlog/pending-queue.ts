import type { Separator } from '../../memory/separator.js'
import type { Item } from './item.js'

/**
 * The messages that a subscription owes and has not handed out, in order. Push and shift are O(1); a message that comes
 * back finds its old place.
 */
export class PendingQueue {
  #items: (Item | undefined)[] = []
  #head = 0
  #length = 0
  #bytes = 0

  get length(): number {
    return this.#length
  }

  /** Of the payloads. */
  get bytes(): number {
    return this.#bytes
  }

  /** The number of messages that count against no limit. */
  get replaying(): number {
    return 0
  }

  /** Bytes of their payloads. */
  get replayingBytes(): number {
    return 0
  }

  /** It counts against no limit. Default: none is like that. */
  isUncounted?(item: Item): boolean

  /** The place up to which the log has been read; 0: all messages are in memory. */
  get readTo(): number {
    return 0
  }

  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  push(item: Item): void {
    this.#length += 1
    this.#bytes += item.envelope.size
    item.envelope.hold()
    this.#items.push(item)
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head] = undefined
    this.#length -= 1
    this.#bytes -= item.envelope.size
    item.envelope.release()
    this.#head += 1
    // The rest moves down only when half is gone, which keeps a shift O(1) on average.
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** The oldest that counts against a limit. */
  shiftOldest(): Item | undefined {
    return this.shift()
  }

  /** Puts an item back by its order: near the front as a rule, so the search begins there. */
  restore(item: Item): void {
    this.#length += 1
    this.#bytes += item.envelope.size
    item.envelope.hold()
    const first = this.first
    if (first === undefined || item.comesBefore(first)) {
      if (this.#head > 0) this.#items[--this.#head] = item
      else this.#items.unshift(item)
      return
    }
    let low = this.#head
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      const there = this.#items[middle]
      if (there?.comesBefore(item) === true) low = middle + 1
      else high = middle
    }
    this.#items.splice(low, 0, item)
  }

  /** Many at once (a member left): one merge, not one search each. */
  restoreAll(items: Item[]): void {
    if (items.length < 4) {
      for (const item of items) this.restore(item)
      return
    }
    for (const { envelope } of items) {
      this.#bytes += envelope.size
      envelope.hold()
    }
    const all = [...items, ...this.#standing()]
    all.sort((a, b) => (a.comesBefore(b) ? -1 : 1))
    this.#items = all
    this.#length = all.length
    this.#head = 0
  }

  /** Items that were handed out, or failed, before. */
  *begun(): Generator<Item> {
    for (const item of this.#standing()) if (item.isBegun) yield item
  }

  [Symbol.iterator](): Generator<Item> {
    return this.#standing()
  }

  *#standing(): Generator<Item> {
    for (let at = this.#head; at < this.#items.length; at += 1) {
      const item = this.#items[at]
      if (item !== undefined) yield item
    }
  }

  /**
   * Removes the items for which this is true.
   *
   * @returns their number
   */
  removeAll(isOne: (item: Item) => boolean): number {
    const before = this.#length
    this.#items = [...this.#standing()].filter(item => {
      const isGone = isOne(item)
      if (isGone) {
        this.#bytes -= item.envelope.size
        item.envelope.release()
      }
      return !isGone
    })
    this.#length = this.#items.length
    this.#head = 0
    return before - this.#length
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (const item of this.#standing()) item.envelope = separator.apart(item.envelope)
  }

  clear(): void {
    for (const { envelope } of this.#standing()) envelope.release()
    this.#items = []
    this.#length = 0
    this.#bytes = 0
    this.#head = 0
  }
}
