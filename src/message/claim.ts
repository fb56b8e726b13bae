import { messageInHand } from './in-hand.js'
import { Message, type Claimed, type RetryRule } from './message.js'

interface Failure {
  readonly error: unknown
  readonly retry: RetryRule | undefined
}

/**
 * One operator's claim on a message that it settles. Several operators may claim the same message (`handle` twice
 * behind one `share()`): the last one to let go settles it for all. The first failure counts. Without one a release
 * counts, since an operator that let go early (`retry()`) has not done its work. Otherwise the message is acked.
 */
export class Claim implements Claimed {
  /** Counts for all claims on the message. */
  readonly #first: Claim
  #isOpen = true
  /** Claims that are open. */
  #open = 1
  /**
   * An operator that comes later in the same delivery may claim the message, too, so nothing is settled before its
   * end.
   */
  #isInHand = false
  #failure: Failure | undefined
  #isReleased = false
  #isTouched = false
  /** One of the operators has begun. */
  #hasBegun = false
  #heartbeat: ReturnType<typeof setInterval> | undefined
  #endWork: (() => void) | undefined
  /** At the first claim: the others. */
  #more: Claim[] | undefined

  constructor(readonly message: Message) {
    const first = Message.claimOf(message)
    if (first instanceof Claim) {
      this.#first = first
      first.#open += 1
      ;(first.#more ??= []).push(this)
      first.#beat()
    } else {
      this.#first = this
      this.#isInHand = messageInHand() === message
      Message.claim(message, this)
    }
  }

  /**
   * A message failed outside of its claims: by an error that passes, or a throw at the end. While several operators
   * claim it, it fails when all of them have let go.
   *
   * @param isBeforeAll no operator that claims it goes on, because the error comes from before them
   */
  static fail(message: Message, error: unknown, retry?: RetryRule, isBeforeAll = false): void {
    const first = Message.claimOf(message)
    // An operator failed the message by this error, which passes now, and others still claim it.
    if (first instanceof Claim && first.#open > 0 && first.#failure?.error === error) return
    if (!isBeforeAll && first instanceof Claim && first.#open > 1) first.#failure ??= { error, retry }
    else Message.settlerOf(message).fail(message, error, retry)
  }

  ack(): void {
    this.#first.#isTouched = true
    this.#letGo()
  }

  fail(error: unknown, retry?: RetryRule): void {
    if (!this.#isOpen) return
    this.#first.#failure ??= { error, retry }
    this.#letGo()
  }

  /** @param untouched its work did not begin */
  release(untouched = false): void {
    if (!this.#isOpen) return
    this.#first.#isReleased = true
    if (!untouched) this.#first.#isTouched = true
    this.#letGo()
  }

  /** Its turn has come. */
  begin(): void {
    this.#first.#hasBegun = true
    Message.settlerOf(this.message).begin(this.message)
  }

  get isWaiting(): boolean {
    return !this.#hasBegun
  }

  /** Work on the message begins. @param end ends it, without a verdict */
  worksUntil(end: () => void): void {
    this.#endWork = end
  }

  takenAway(): void {
    this.#endWork?.()
    for (const claim of this.#more ?? []) claim.#endWork?.()
  }

  /** `next()` has returned: all operators that get the message within it have claimed it. */
  nextReturned(): void {
    if (!this.#isInHand) return
    this.#isInHand = false
    if (this.#open === 0) this.#settle()
  }

  #letGo(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#first.#lose()
  }

  #lose(): void {
    this.#open -= 1
    if (this.#open === 0 && !this.#isInHand) this.#settle()
  }

  #settle(): void {
    clearInterval(this.#heartbeat)
    const settler = Message.settlerOf(this.message)
    if (this.#failure !== undefined) settler.fail(this.message, this.#failure.error, this.#failure.retry)
    else if (this.#isReleased) settler.release(this.message, !this.#isTouched)
    else settler.ack(this.message)
  }

  /**
   * When one operator has done its work, the message may wait for its turn at another: its time must not run out
   * meanwhile.
   */
  #beat(): void {
    const settler = Message.settlerOf(this.message)
    if (settler.ackTimeout === 0 || this.#heartbeat !== undefined) return
    this.#heartbeat = setInterval(() => {
      if (Message.tagOf(this.message) === undefined) clearInterval(this.#heartbeat)
      else settler.extend(this.message)
    }, heartbeatOf(settler.ackTimeout))
  }
}

/** The interval at which work reports that it goes on, so that `ackTimeout` does not run out. */
export function heartbeatOf(ackTimeout: number): number {
  return Math.min(Math.max(1, ackTimeout / 3), 2 ** 30)
}

/**
 * `ackTimeout` in two steps. After a standstill of this process the first is due late, and work that goes on reports
 * that before the second.
 */
export function stepsOf(ackTimeout: number): readonly [first: number, second: number] {
  const first = Math.floor(ackTimeout * 0.9)
  return [first, ackTimeout - first]
}
