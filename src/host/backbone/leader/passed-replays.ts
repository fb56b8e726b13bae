import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import { longTimeout } from '../../../bus/long-timeout.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'

/** Gives a waiting membership its next consumer. @returns whether it could */
export type Resume = (membership: Membership, request: SubscriptionRequest, consumer: Consumer) => boolean

/**
 * Unnamed subscriptions that the leader keeps for clients of a follower, in whose place another process came. Each goes
 * on when that process asks for it.
 */
export class PassedReplays {
  readonly #resume: Resume
  /** By their origins. */
  readonly #waiting = new Map<string, Membership>()
  #stop = (): void => undefined

  constructor(resume: Resume) {
    this.#resume = resume
  }

  /** @param ms after this time those that it did not ask for end */
  add(passed: ReadonlyMap<string, Membership>, ms: number): void {
    for (const [origin, membership] of passed) this.#waiting.set(origin, membership)
    this.#stop()
    if (this.#waiting.size > 0) this.#stop = longTimeout(() => this.end(), ms, false)
  }

  /** All that still wait, for yet another process. */
  take(): ReadonlyMap<string, Membership> {
    const taken = new Map(this.#waiting)
    this.#waiting.clear()
    this.#stop()
    return taken
  }

  /**
   * @param asked the request of the other host
   * @param request the same for the broker here
   * @returns undefined: none waits for it
   */
  continueFrom(
    { origin }: SubscriptionRequest,
    request: SubscriptionRequest,
    consumer: Consumer,
  ): Membership | undefined {
    const membership = origin === undefined ? undefined : this.#waiting.get(origin)
    if (origin === undefined || membership === undefined) return undefined
    this.#waiting.delete(origin)
    if (this.#resume(membership, request, consumer)) return membership
    membership.leave('unsubscribe')
    return undefined
  }

  /** The others end. */
  end(): void {
    for (const membership of this.take().values()) membership.leave('unsubscribe')
  }
}
