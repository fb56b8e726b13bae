import type { Rate, SubscriptionRequest } from '../../bus/contract/subscription-request.js'

/** Timers, and a clock that only goes forward. */
interface ThrottleTimers {
  after(delay: number, run: () => void): () => void
  elapsed(): number
}

/** One message that was handed out. It counts from then on, and for `per` milliseconds more after it has begun. */
export class Start {
  /** Undefined once it is known when it began. */
  #throttle: Throttle | undefined

  constructor(throttle: Throttle) {
    this.#throttle = throttle
  }

  /** Its work begins, or has begun a moment ago. */
  begin(): void {
    this.#throttle?.began()
    this.#throttle = undefined
  }

  /** Its consumer gave it back without a look at it. */
  cancel(): void {
    this.#throttle?.cancelled()
    this.#throttle = undefined
  }
}

/** Old times that may stay in the list until it is tidied up. */
const SPARE = 1_024

/**
 * The limits of a subscription over all its consumers: how many messages begin within a time, and how many are in hand at
 * once. The rate holds for a sliding window: within `per` milliseconds, wherever they begin, at most `messages` begin. A
 * message that waits at a consumer for its turn counts, too, since nobody knows when it begins.
 */
export class Throttle {
  readonly #timers: ThrottleTimers
  readonly #wake: () => void
  #rate: Rate | undefined
  #concurrency = Infinity
  /** Handed out, and not begun as far as known. */
  #open = 0
  /** When the last ones began, the oldest first. */
  #begins: number[] = []
  #head = 0
  #restsUntil = -Infinity
  /** It refused a message since the last wake. */
  #hasRefused = false
  #cancelTimer: (() => void) | undefined

  /** @param wake called when it may allow a message again that it refused */
  constructor(timers: ThrottleTimers, wake: () => void) {
    this.#timers = timers
    this.#wake = wake
  }

  limit(rate: Rate | undefined, concurrency: number | undefined): void {
    this.#rate = rate
    this.#concurrency = concurrency ?? Infinity
    this.#stopTimer()
  }

  /** Another process may have begun messages a moment ago: none begins within the next `per` milliseconds. */
  rest(): void {
    this.#restsUntil = this.#timers.elapsed() + (this.#rate?.per ?? 0)
  }

  /** @param inFlight the messages in hand */
  allows(inFlight: number): boolean {
    const isAllowed = inFlight < this.#concurrency && this.#wait() === 0
    if (!isAllowed) this.#hasRefused = true
    return isAllowed
  }

  start(): Start {
    this.#open += 1
    return new Start(this)
  }

  /** Called by a start. */
  began(): void {
    this.#open -= 1
    if (this.#rate !== undefined) this.#begins.push(this.#timers.elapsed())
    this.#lookAgain()
  }

  /** Called by a start. */
  cancelled(): void {
    this.#open -= 1
    this.#lookAgain()
  }

  close(): void {
    this.#stopTimer()
    this.#hasRefused = false
  }

  /** Milliseconds until the rate allows a message; Infinity: until another one begins. */
  #wait(): number {
    const rate = this.#rate
    if (rate === undefined) return 0
    const now = this.#timers.elapsed()
    const wait = this.#restsUntil > now ? this.#restsUntil - now : this.#waitForRoom(rate, now)
    if (wait > 0 && wait < Infinity) this.#startTimer(wait)
    return wait
  }

  #waitForRoom({ messages, per }: Rate, now: number): number {
    let oldest = this.#begins[this.#head]
    while (oldest !== undefined && oldest + per <= now) {
      this.#head += 1
      oldest = this.#begins[this.#head]
    }
    if (this.#head > SPARE || (this.#head > 0 && oldest === undefined)) {
      this.#begins = this.#begins.slice(this.#head)
      this.#head = 0
    }
    if (this.#open + this.#begins.length - this.#head < messages) return 0
    return oldest === undefined ? Infinity : oldest + per - now
  }

  #startTimer(wait: number): void {
    if (this.#cancelTimer !== undefined) return
    this.#cancelTimer = this.#timers.after(wait, () => {
      this.#cancelTimer = undefined
      this.#lookAgain()
    })
  }

  #stopTimer(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #lookAgain(): void {
    if (!this.#hasRefused) return
    this.#hasRefused = false
    this.#wake()
  }
}

/** A subscription, as its throttle uses it. */
interface Throttled {
  throttle: Throttle | undefined
  readonly owner: ThrottleTimers
  wake(): void
}

/** Limits a subscription as these rules say. It remembers what has begun. */
export function limitAs(
  subscription: Throttled,
  { rate, concurrency }: Pick<SubscriptionRequest, 'rate' | 'concurrency'>,
): void {
  if (rate === undefined && concurrency === undefined) {
    subscription.throttle?.close()
    subscription.throttle = undefined
    return
  }
  subscription.throttle ??= new Throttle(subscription.owner, () => subscription.wake())
  subscription.throttle.limit(rate, concurrency)
}
