import type { Subscription } from './subscription.js'
import type { Timers } from './timers.js'

/** Waits until everything that was handed out is settled, for a broker that closes. */
export class Quiet {
  readonly #isDrained: () => boolean
  readonly #registered: () => Iterable<Subscription>
  /** Unnamed, and gone but for messages that their consumers took along: these are waited for, too. */
  readonly #lingering = new Set<Subscription>()
  #onQuiet: (() => void) | undefined

  constructor(isDrained: () => boolean, registered: () => Iterable<Subscription>) {
    this.#isDrained = isDrained
    this.#registered = registered
  }

  /** @param holdsMore the subscription's consumer may have a message in hand */
  linger(subscription: Subscription, holdsMore: boolean): void {
    for (const each of this.#lingering) if (each.inFlight === 0) this.#lingering.delete(each)
    if (holdsMore || subscription.inFlight > 0) this.#lingering.add(subscription)
  }

  inFlight(): number {
    let sum = 0
    for (const subscription of this.#registered()) sum += subscription.inFlight
    for (const subscription of this.#lingering) sum += subscription.inFlight
    return sum
  }

  /** Resolves with whether everything handed out was settled in time. */
  wait(timeout: number, timers: Timers): Promise<boolean> {
    return new Promise(resolve => {
      const finish = (isQuiet: boolean): void => {
        this.#onQuiet = undefined
        cancel()
        resolve(isQuiet)
      }
      const cancel = timers.after(timeout, () => finish(false))
      this.#onQuiet = () => finish(true)
      this.check()
    })
  }

  /** Something was settled, or handed on. */
  check(): void {
    if (this.#onQuiet !== undefined && this.#isDrained() && this.inFlight() === 0) this.#onQuiet()
  }
}
