import type { Separator } from '../../memory/separator.js'
import type { Item } from './item.js'

/** Timers and their clock: the time of day may be set while a message waits. */
export interface RetryTimers {
  after(delay: number, run: () => void): () => void
  elapsed(): number
}

/** Failed messages before their next attempt. */
export class RetryQueue {
  readonly #timers: RetryTimers
  readonly #isDue: (item: Item) => void
  /** Each with a function that cancels its timer, and its due time. */
  readonly #items = new Map<Item, { readonly cancel: () => void; readonly due: number }>()
  #bytes = 0

  constructor(timers: RetryTimers, isDue: (item: Item) => void) {
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
      item.envelope.release()
      this.#isDue(item)
    })
    this.#bytes += item.envelope.size
    item.envelope.hold()
    this.#items.set(item, { cancel, due: this.#timers.elapsed() + delay })
  }

  items(): Iterable<Item> {
    return this.#items.keys()
  }

  /** Each with the milliseconds until its next attempt. */
  *waits(): Generator<[Item, number]> {
    const now = this.#timers.elapsed()
    for (const [item, { due }] of this.#items) yield [item, Math.max(0, due - now)]
  }

  isDueWithin(milliseconds: number): boolean {
    for (const [, wait] of this.waits()) if (wait <= milliseconds) return true
    return false
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (const item of this.#items.keys()) item.envelope = separator.apart(item.envelope)
  }

  clear(): void {
    for (const [{ envelope }, { cancel }] of this.#items) {
      cancel()
      envelope.release()
    }
    this.#items.clear()
    this.#bytes = 0
  }
}
