import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { MsgvanError } from '../../errors.js'
import type { Message, RetryRule } from '../../message/message.js'
import { retryDelayAfter, type RetryDelay } from '../../message/retry-delay.js'
import type { RulesInForce } from '../../wire/frames/subscription-request.js'

/** A client's decision about a delivery that failed. */
export interface RetryDecision {
  /** For the host; undefined: the host uses its rules. */
  readonly delay: number | undefined
  /** Whether the message comes again. */
  readonly isRetried: boolean
  /** The host sends it again before all others. */
  readonly isFirst: boolean
}

/** The retry rules of one subscription. A delay function cannot cross the link, so the client calls it. */
export class RetryRules {
  #attempts: number
  /** The delay. Undefined: only the host knows it. */
  #delay: RetryDelay | undefined

  constructor({ attempts, delay, given }: SubscriptionRequest) {
    this.#attempts = attempts
    this.#delay = given?.includes('delay') === false ? undefined : delay
  }

  /** The host has other rules. A function stays, unless the host has a delay for everyone. */
  change({ attempts, delay }: RulesInForce): void {
    this.#attempts = attempts
    if (delay !== undefined || typeof this.#delay !== 'function') this.#delay = delay
  }

  /** @param report for a delay function that does not return a delay */
  decide(
    message: Message,
    error: unknown,
    retry: RetryRule,
    report: (error: MsgvanError) => void,
  ): RetryDecision {
    const rule = this.#delay
    const isLast = message.attempt >= (retry.attempts ?? this.#attempts)
    const delayBy = (delay: RetryDelay): number => retryDelayAfter(delay, error, message.attempt, report)
    const computed =
      typeof rule === 'function' && !isLast && retry.delay === undefined ? delayBy(rule) : undefined
    const delay = retry.delay ?? computed
    const isAtOnce = (): boolean => rule !== undefined && delayBy(rule) === 0
    return { delay, isRetried: !isLast, isFirst: !isLast && (delay === undefined ? isAtOnce() : delay === 0) }
  }
}
