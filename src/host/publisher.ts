import { InvalidTopicError, type MsgvanError } from '../errors.js'
import type { Envelope } from '../message/envelope.js'
import { tooLarge } from '../message/payload.js'
import { isMailTopic, isSystemTopic } from '../message/topic.js'
import { toWireError, type WireError } from '../wire/control-frames.js'

/** What became of a publish that was not taken over at once. */
export type LateOutcome = 'taken' | WireError

/** What a van does with what is published in it. */
export interface Taker {
  /** Undefined: taken over at once. */
  accept(envelope: Envelope): undefined | Promise<void>
  /** Resolves when all that was taken over is on the disk; undefined where that is so. */
  kept(): Promise<void> | undefined
}

/**
 * How far one publisher has come in one van, over all its sessions: what it publishes again after a lost session has the
 * outcome that it had, or still waits for the one that it will have.
 */
export class Publisher {
  #lastSequence: number
  /** Held back by the van, or refused and the publisher not told yet. By sequence number. */
  readonly #late = new Map<number, Promise<LateOutcome> | WireError>()
  /** The first of those that are held back: none, as a rule. */
  #firstHeld = Infinity
  #heldCount = 0

  /** @param lastSequence the last message that the van took over from it */
  constructor(lastSequence: number) {
    this.#lastSequence = lastSequence
  }

  /** Whether there is anything to remember. */
  get hasPublished(): boolean {
    return this.#lastSequence > 0
  }

  /** What is held back is lost with this process: a mark that is kept must not pass it. */
  get mark(): number {
    return this.#firstHeld === Infinity ? this.#lastSequence : this.#firstHeld - 1
  }

  /**
   * @param refusal why the van takes nothing over right now, if so
   * @returns undefined when the van has taken it over, now or at an earlier try; a promise while it is held back
   */
  offer(
    envelope: Envelope,
    van: Taker,
    maxPayload: number,
    refusal: MsgvanError | undefined,
  ): undefined | Promise<LateOutcome> | WireError {
    const { sequence } = envelope
    if (sequence <= this.#lastSequence) return this.#late.get(sequence)
    this.#lastSequence = sequence
    const late = this.#accept(envelope, van, maxPayload, refusal)
    if (late !== undefined) this.#late.set(sequence, late)
    return late
  }

  /** The publisher knows of it, and will not ask again. */
  isTold(sequence: number): void {
    this.#late.delete(sequence)
  }

  #accept(
    envelope: Envelope,
    van: Taker,
    maxPayload: number,
    refusal: MsgvanError | undefined,
  ): undefined | Promise<LateOutcome> | WireError {
    const { topic, size } = envelope
    if (size > maxPayload) return toWireError(tooLarge(size, maxPayload))
    if (isSystemTopic(topic) && !isMailTopic(topic)) {
      return toWireError(
        new InvalidTopicError(`Topics that begin with $ are the system's: ${topic} cannot be published to.`),
      )
    }
    if (refusal !== undefined) return toWireError(refusal)
    const held = van.accept(envelope)
    return held === undefined ? undefined : this.#held(envelope.sequence, held, van)
  }

  async #held(sequence: number, held: Promise<void>, van: Taker): Promise<LateOutcome> {
    this.#firstHeld = Math.min(this.#firstHeld, sequence)
    this.#heldCount += 1
    try {
      await held
      await van.kept()
      this.#late.delete(sequence)
      return 'taken'
    } catch (error) {
      const refusal = toWireError(error)
      this.#late.set(sequence, refusal)
      return refusal
    } finally {
      this.#heldCount -= 1
      if (this.#heldCount === 0) this.#firstHeld = Infinity
    }
  }
}
