import type { Subscription } from '../subscription/subscription.js'

/** The most messages and bytes of one step. Between steps other work has its turn, and a store writes the outcome. */
const STEP = 1_000
const STEP_BYTES = 4 * 1024 * 1024
/** Milliseconds between tries while the disk fails. */
const RETRY_MS = 500

/** The broker, as endings use it. */
export interface EndingsOwner {
  after(delay: number, run: () => void): () => void
  /** Resolves when everything so far is on the disk; undefined if it is, or without a store. */
  kept(): Promise<void> | undefined
}

/** Gives up the messages of removed subscriptions step by step, so that it takes bounded memory. */
export class Endings {
  readonly #owner: EndingsOwner
  /** Each with the function that resolves its promise. */
  readonly #unfinished = new Map<Subscription, () => void>()

  constructor(owner: EndingsOwner) {
    this.#owner = owner
  }

  get size(): number {
    return this.#unfinished.size
  }

  /**
   * Resolves when none of its messages is pending any more and the store has that, or when the broker closes: with a
   * store the next broker continues.
   *
   * @param delay milliseconds before the first step; 0 begins at once
   */
  begin(subscription: Subscription, delay: number): Promise<void> {
    const over = new Promise<void>(resolve => this.#unfinished.set(subscription, resolve))
    if (delay > 0) this.#owner.after(delay, () => this.#step(subscription))
    else this.#step(subscription)
    return over
  }

  /** Gives up the rest at once, because another process continues. */
  finish(): void {
    for (const subscription of this.#unfinished.keys()) while (subscription.giveUpSome(STEP, STEP_BYTES));
  }

  /** Subscriptions that still have messages to give up. */
  get unfinished(): Iterable<Subscription> {
    return this.#unfinished.keys()
  }

  close(): void {
    for (const resolve of this.#unfinished.values()) resolve()
    this.#unfinished.clear()
  }

  #step(subscription: Subscription): void {
    const resolve = this.#unfinished.get(subscription)
    if (resolve === undefined) return
    if (subscription.giveUpSome(STEP, STEP_BYTES)) return this.#giveUpNext(subscription)
    const over = (): void => {
      this.#unfinished.delete(subscription)
      resolve()
    }
    const kept = this.#owner.kept()
    if (kept === undefined) over()
    else kept.then(over, over)
  }

  /** Waits until the store has this step: until then its outcome is in memory. */
  #giveUpNext(subscription: Subscription): void {
    const kept = this.#owner.kept()
    const soon = (): void => void this.#owner.after(0, () => this.#step(subscription))
    if (kept === undefined) return soon()
    kept.then(soon, () => {
      this.#owner.after(RETRY_MS, () => this.#giveUpNext(subscription))
    })
  }
}
