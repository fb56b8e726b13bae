import { describe, PipelineDefersError } from '../../errors.js'
import { messageInHand } from '../../message/in-hand.js'
import { describePattern } from '../../message/pattern.js'
import { nothing, type Thrown } from '../../operators/rxjs-internals.js'
import { isTerminating } from './passing.js'
import type { TopicSource } from './topic-source.js'

const ADVICE =
  "Put the work into handle(message => …) (handleLatest for switchMap, handleFirst for exhaustMap), or settle by `ack: 'manual'`."

/**
 * Notices a pipeline that works later (`concatMap(async …)`): its messages are acked when the first operator has them,
 * and a later failure loses them. An error with no message in hand is reported. Late values are, if the pipeline acks
 * messages, and none has ever reached its end within `next`. (A pipeline whose other sources pass values on in their own
 * time, `merge(topic$, timer$)`, is different: its messages do reach the end.)
 */
export class Deferral {
  readonly #source: TopicSource
  #hasAcked = false
  #hasClaimed = false
  #hasReached = false
  #isReported = false
  #reported: unknown = nothing

  constructor(source: TopicSource) {
    this.#source = source
  }

  /** `next` returned, so a message was acked. */
  acked(): void {
    this.#hasAcked = true
  }

  /** An operator that settles messages (`handle`) has one. */
  claimed(): void {
    this.#hasClaimed = true
  }

  /** A value is at the end. */
  reached(): void {
    if (this.#hasReached) return
    if (messageInHand() !== undefined) this.#hasReached = true
    // Values that an operator emits when its source completes (`toArray`) belong there.
    else if (this.#hasAcked && !this.#isReported && !isTerminating()) this.#report()
  }

  /**
   * Something failed with no message in hand. It may be work on messages that are acked, whether or not others reach
   * the end within `next` (`mergeMap(m => isKnown(m) ? of(m) : fetch(m))`).
   *
   * @param isLeft an operator left all topics before, as `timeout()` does: its work has not failed
   * @param thrown at the end of the pipeline. The callback of an end works on no message, but may throw the error that it
   * got
   * @returns whether this call or an earlier one reports it
   */
  failed(error: unknown, isLeft: boolean, thrown?: Thrown): boolean {
    if (thrown === 'end') return this.#reported === error
    const hasLater = this.#hasAcked && !this.#hasReached
    if (!hasLater && (isLeft || !(this.#hasAcked || this.#hasClaimed))) return false
    if (this.#reported === error) return true
    this.#reported = error
    this.#source.broker.report(
      new PipelineDefersError(
        `A pipeline on ${this.#pattern} failed with no message in hand: ${describe(error)}. Messages that were acked before do not come again. ${ADVICE}`,
        error,
      ),
    )
    return true
  }

  #report(): void {
    this.#isReported = true
    const error = new PipelineDefersError(
      `A pipeline on ${this.#pattern} passes values on after their messages were acked: a failure then loses them. ${ADVICE}`,
    )
    this.#source.broker.report(error, true)
  }

  get #pattern(): string {
    return describePattern(this.#source.request.pattern)
  }
}
