import type { Item } from './item.js'
import type { SubscriptionOwner } from './subscription-owner.js'

/** Failed messages that wait for their next attempt. */
export class Parked {
  readonly #timers: Pick<SubscriptionOwner, 'after'>
  readonly #isDue: (item: Item) => void
  /** Each with what calls its timer off. */
  readonly #items = new Map<Item, () => void>()

  constructor(timers: Pick<SubscriptionOwner, 'after'>, isDue: (item: Item) => void) {
    this.#timers = timers
    this.#isDue = isDue
  }

  get size(): number {
    return this.#items.size
  }

  add(item: Item, delay: number): void {
    const cancel = this.#timers.after(delay, () => {
      this.#items.delete(item)
      this.#isDue(item)
    })
    this.#items.set(item, cancel)
  }

  items(): Iterable<Item> {
    return this.#items.keys()
  }

  clear(): void {
    for (const cancel of this.#items.values()) cancel()
    this.#items.clear()
  }
}
