import type { Subscription } from '../subscription/subscription.js'
import { onAbort } from '../../bus/ending/on-abort.js'
import type { Timers } from '../clock/timers.js'

/** Waits until all deliveries are settled, for a broker that closes. */
export class DrainWaiter {
  readonly #isDrained: () => boolean
  readonly #registered: () => Iterable<Subscription>
  /** Unnamed subscriptions that ended, while their consumers still settle messages. The drain waits for these, too. */
  readonly #lingering = new Set<Subscription>()
  readonly #gone: (subscription: Subscription) => void
  #onQuiet: (() => void) | undefined
  /** Milliseconds until the drain ends in any case. */
  #left: () => number = () => 0

  /**
   * @param gone called when such a subscription has nothing left to settle
   */
  constructor(
    isDrained: () => boolean,
    registered: () => Iterable<Subscription>,
    gone: (subscription: Subscription) => void,
  ) {
    this.#isDrained = isDrained
    this.#registered = registered
    this.#gone = gone
  }

  /**
   * @param holdsMore the subscription's consumer may have a message in hand
   */
  linger(subscription: Subscription, holdsMore: boolean): void {
    for (const each of this.#lingering) if (each.inFlight === 0) this.#forget(each)
    this.#lingering.add(subscription)
    if (!holdsMore && subscription.inFlight === 0) this.#forget(subscription)
  }

  /** Ended subscriptions whose consumers still settle messages. Status counts them apart. */
  get lingering(): Iterable<Subscription> {
    return this.#lingering
  }

  /** Subscriptions with messages that were handed out and not settled. */
  unsettled(): Subscription[] {
    return [...this.#registered(), ...this.#lingering].filter(({ inFlight }) => inFlight > 0)
  }

  inFlight(): number {
    let sum = 0
    for (const subscription of this.#registered()) sum += subscription.inFlight
    for (const subscription of this.#lingering) sum += subscription.inFlight
    return sum
  }

  #forget(subscription: Subscription): void {
    this.#lingering.delete(subscription)
    this.#gone(subscription)
  }

  /**
   * Resolves with whether everything handed out was settled in time, and each retry that is due by then.
   *
   * @param signal its abort ends the wait
   */
  wait(timeout: number, timers: Timers, signal?: AbortSignal): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (isQuiet: boolean): void => {
        this.#onQuiet = undefined
        cancel()
        ignore?.()
        resolve(isQuiet)
      }
      const until = timers.now() + timeout
      this.#left = () => until - timers.now()
      const cancel = timers.after(timeout, () => finish(false))
      const ignore = signal === undefined ? undefined : onAbort(signal, () => finish(false))
      this.#onQuiet = () => finish(true)
      // Not at once: close() may come from inside a `next`, and its message is entered when that returns.
      queueMicrotask(() => this.check())
    })
  }

  /** A delivery was settled, or handed on. */
  check(): void {
    if (this.#onQuiet === undefined || !this.#isDrained() || this.inFlight() > 0) return
    if (!this.#isRetrying()) this.#onQuiet()
  }

  /** A failed message has its next attempt in time. */
  #isRetrying(): boolean {
    const left = this.#left()
    for (const subscription of this.#registered()) if (subscription.retriesWithin(left)) return true
    return false
  }
}
