import type { Item } from './item.js'

/** What a subscription owes and has not handed out, in order. Push and shift are O(1); what comes back finds its old place. */
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

  /** How many of them count against no limit. */
  get replaying(): number {
    return 0
  }

  /** Bytes of their payloads. */
  get replayingBytes(): number {
    return 0
  }

  /** How far the log has been read for what waits; 0: all that waits is in memory. */
  get readTo(): number {
    return 0
  }

  get first(): Item | undefined {
    return this.#items[this.#head]
  }

  push(item: Item): void {
    this.#length += 1
    this.#bytes += item.envelope.size
    this.#items.push(item)
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head] = undefined
    this.#length -= 1
    this.#bytes -= item.envelope.size
    this.#head += 1
    // Moving the rest down only when half is gone keeps a shift O(1) on the whole.
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

  /** Back to where it was, by its order: near the front as a rule, so the search begins there. */
  restore(item: Item): void {
    this.#length += 1
    this.#bytes += item.envelope.size
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

  /** Many at once (a member that left): one merge, not one search each. */
  restoreAll(items: Item[]): void {
    if (items.length < 4) {
      for (const item of items) this.restore(item)
      return
    }
    for (const { envelope } of items) this.#bytes += envelope.size
    const all = [...items, ...this.#standing()]
    all.sort((a, b) => (a.comesBefore(b) ? -1 : 1))
    this.#items = all
    this.#length = all.length
    this.#head = 0
  }

  /** Those among them that were handed out, or failed, before. */
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

  /** Takes out those of which this is true. @returns how many */
  removeAll(isOne: (item: Item) => boolean): number {
    const before = this.#length
    this.#items = [...this.#standing()].filter(item => {
      const isGone = isOne(item)
      if (isGone) this.#bytes -= item.envelope.size
      return !isGone
    })
    this.#length = this.#items.length
    this.#head = 0
    return before - this.#length
  }

  clear(): void {
    this.#items = []
    this.#length = 0
    this.#bytes = 0
    this.#head = 0
  }
}
