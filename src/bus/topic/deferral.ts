import { describe, PipelineDefersError } from '../../errors.js'
import { messageInHand } from '../../message/in-hand.js'
import { describePattern } from '../../message/pattern.js'
import { isPassing } from './passing.js'
import type { TopicSource } from './topic-source.js'

const ADVICE =
  "Put the work into handle(message => …) (handleLatest for switchMap, handleFirst for exhaustMap), or settle by `ack: 'manual'`."

/**
 * Notices a pipeline that works later (`concatMap(async …)`): its messages are acked when the first operator has them, and what
 * fails afterwards is lost. Such a pipeline acks messages, and none has ever reached its end within `next`. (One whose other sources
 * pass values on in their own time, `merge(topic$, timer$)`, is none: its messages do reach the end.)
 */
export class Deferral {
  readonly #source: TopicSource
  #hasAcked = false
  #hasReached = false
  #isSaid = false
  #reported: unknown

  constructor(source: TopicSource) {
    this.#source = source
  }

  /** A message was acked because `next` returned. */
  acked(): void {
    this.#hasAcked = true
  }

  /** A value is at the end. */
  reached(): void {
    if (this.#hasReached) return
    if (messageInHand() !== undefined) this.#hasReached = true
    // What an operator has to say when its source completes (`toArray`) belongs there.
    else if (this.#hasAcked && !this.#isSaid && !isPassing()) this.#say()
  }

  /**
   * Something failed with no message in hand.
   *
   * @returns whether it is reported, by this or by a call before
   */
  failed(error: unknown): boolean {
    if (!this.#hasAcked || this.#hasReached) return false
    if (this.#reported === error) return true
    this.#reported = error
    this.#source.broker.report(
      new PipelineDefersError(
        `A pipeline on ${this.#pattern} failed after its messages were acked, so that none of them comes again: ${describe(error)}. ${ADVICE}`,
        error,
      ),
    )
    return true
  }

  #say(): void {
    this.#isSaid = true
    const error = new PipelineDefersError(
      `A pipeline on ${this.#pattern} passes values on after their messages were acked: what fails then is lost. ${ADVICE}`,
    )
    this.#source.broker.report(error, true)
  }

  get #pattern(): string {
    return describePattern(this.#source.request.pattern)
  }
}
