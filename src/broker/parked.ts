import type { Item } from './item.js'
import type { SubscriptionOwner } from './subscription-owner.js'

/** Failed messages that wait for their next attempt. */
export class Parked {
  readonly #timers: Pick<SubscriptionOwner, 'after'>
  readonly #isDue: (item: Item) => void
  /** Each with what calls its timer off. */
  readonly #items = new Map<Item, () => void>()
  #bytes = 0

  constructor(timers: Pick<SubscriptionOwner, 'after'>, isDue: (item: Item) => void) {
    this.#timers = timers
    this.#isDue = isDue
  }

  get size(): number {
    return this.#items.size
  }

  /** Of the payloads. */
  get bytes(): number {
    return this.#bytes
  }

  add(item: Item, delay: number): void {
    const cancel = this.#timers.after(delay, () => {
      this.#items.delete(item)
      this.#bytes -= item.envelope.size
      this.#isDue(item)
    })
    this.#items.set(item, cancel)
    this.#bytes += item.envelope.size
  }

  items(): Iterable<Item> {
    return this.#items.keys()
  }

  clear(): void {
    for (const cancel of this.#items.values()) cancel()
    this.#items.clear()
    this.#bytes = 0
  }
}
