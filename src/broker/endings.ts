import type { Subscription } from './subscription/subscription.js'

/** So much of what waits is given up in one go: then others have their turn, and what became of it is written. */
const STEP = 1_000
const STEP_BYTES = 4 * 1024 * 1024
/** Between tries when the disk takes nothing. */
const RETRY_MS = 500

/** What endings need of the broker around them. */
export interface EndingsOwner {
  after(delay: number, run: () => void): () => void
  /** Resolves when all that happened so far is on the disk; undefined where nothing is kept, or all is. */
  kept(): Promise<void> | undefined
}

/** Subscriptions that are removed, while what they owe is given up step by step: in bounded memory, however much it is. */
export class Endings {
  readonly #owner: EndingsOwner
  /** Each with whoever waits for its end. */
  readonly #under = new Map<Subscription, () => void>()

  constructor(owner: EndingsOwner) {
    this.#owner = owner
  }

  get size(): number {
    return this.#under.size
  }

  /**
   * Resolves when nothing of it waits any more, and that is kept, or the broker closes: with a store the next one goes on then.
   *
   * @param delay milliseconds before the first step; without it that is taken at once
   */
  begin(subscription: Subscription, delay: number): Promise<void> {
    const over = new Promise<void>(resolve => this.#under.set(subscription, resolve))
    if (delay > 0) this.#owner.after(delay, () => this.#step(subscription))
    else this.#step(subscription)
    return over
  }

  /** All of it now: another process goes on. */
  finish(): void {
    for (const subscription of this.#under.keys()) while (subscription.giveUpSome(STEP, STEP_BYTES));
  }

  close(): void {
    for (const tell of this.#under.values()) tell()
    this.#under.clear()
  }

  #step(subscription: Subscription): void {
    const tell = this.#under.get(subscription)
    if (tell === undefined) return
    if (subscription.giveUpSome(STEP, STEP_BYTES)) return this.#goOn(subscription)
    const over = (): void => {
      this.#under.delete(subscription)
      tell()
    }
    const kept = this.#owner.kept()
    if (kept === undefined) over()
    else kept.then(over, over)
  }

  /** What becomes of one step is kept before the next: what is not written yet is in memory. */
  #goOn(subscription: Subscription): void {
    const kept = this.#owner.kept()
    const soon = (): void => void this.#owner.after(0, () => this.#step(subscription))
    if (kept === undefined) return soon()
    kept.then(soon, () => {
      this.#owner.after(RETRY_MS, () => this.#goOn(subscription))
    })
  }
}
