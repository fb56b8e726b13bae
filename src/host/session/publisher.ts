import { InvalidTopicError, type MsgvanError } from '../../errors.js'
import { Envelope } from '../../message/envelope.js'
import { tooLarge } from '../../codec/payload.js'
import { isMailTopic, isSystemTopic } from '../../message/topic.js'
import { toWireError, type WireError } from '../../wire/frames/control-frames.js'
import type { PublisherMark } from '../store/records/publisher-mark.js'

/** What became of a publish that was not taken over at once. */
export type LateOutcome = 'taken' | WireError

/** What a van does with what is published in it. */
export interface Taker {
  /** Undefined: taken over at once. */
  accept(envelope: Envelope): undefined | Promise<void>
  /** For what is in the books since before the start: resolves when those who are full of it have room; undefined if none is. */
  awaitRoom(envelope: Envelope): undefined | Promise<void>
  /** Resolves when all that was taken over is on the disk; undefined where that is so. */
  kept(): Promise<void> | undefined
}

/**
 * How far one publisher has come in one van, over all its sessions: what it publishes again after a lost session has the
 * outcome that it had, or still waits for the one that it will have.
 */
export class Publisher {
  #lastSequence: number
  /** Held back by the van, by sequence number. */
  readonly #late = new Map<number, Promise<LateOutcome>>()
  /** Refused, and the publisher is not told yet. */
  readonly #refused: Map<number, WireError>
  /** What came up to here is in the books of the process before, if that kept any. */
  readonly #keptThrough: number
  #isNew: boolean

  /**
   * @param kept how far it came with the process before
   * @param isNew this process knows nothing of it, and nothing was kept: what it sends again may have been taken over once
   */
  constructor({ through, refused }: PublisherMark, isNew: boolean) {
    this.#lastSequence = through
    this.#keptThrough = through
    this.#refused = new Map(refused)
    this.#isNew = isNew
  }

  /** It went, and may come back. */
  isRemembered(): void {
    this.#isNew = false
  }

  /** Whether there is anything to remember. */
  get hasPublished(): boolean {
    return this.#lastSequence > 0
  }

  /** All up to there is owed, or refused. */
  get mark(): PublisherMark {
    return { through: this.#lastSequence, refused: this.#refused }
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
    if (sequence <= this.#lastSequence)
      return this.#refused.get(sequence) ?? this.#late.get(sequence) ?? this.#keptBefore(envelope, van)
    this.#lastSequence = sequence
    const offered = envelope.mayHaveCome && !this.#isNew ? firstTime(envelope) : envelope
    const late = this.#accept(offered, van, maxPayload, refusal)
    if (late instanceof Promise) this.#late.set(sequence, late)
    else if (late !== undefined) this.#refused.set(sequence, late)
    return late
  }

  /** It was taken over, and then could not be kept. */
  refuse(sequence: number, refusal: WireError): void {
    this.#refused.set(sequence, refusal)
  }

  /** The publisher knows of it, and will not ask again. */
  isTold(sequence: number): void {
    this.#refused.delete(sequence)
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
    return held === undefined ? undefined : this.#held(envelope.sequence, Promise.all([held, van.kept()]))
  }

  /** Its publisher was not told before the process ended that kept it. */
  #keptBefore(envelope: Envelope, van: Taker): undefined | Promise<LateOutcome> {
    const { sequence } = envelope
    const held = sequence <= this.#keptThrough ? van.awaitRoom(envelope) : undefined
    if (held === undefined) return undefined
    const late = this.#held(sequence, held)
    this.#late.set(sequence, late)
    return late
  }

  /** Once it is refused it stays so: a message that could not be kept is nobody's. */
  async #held(sequence: number, held: Promise<unknown>): Promise<LateOutcome> {
    try {
      await held
      return 'taken'
    } catch (error) {
      const refusal = toWireError(error)
      this.#refused.set(sequence, refusal)
      return refusal
    } finally {
      this.#late.delete(sequence)
    }
  }
}

/** It was never taken over here, so nobody has it. */
function firstTime(envelope: Envelope): Envelope {
  const { publisher, sequence, topic, headers, timestamp, content, size, encoding, offset } = envelope
  return new Envelope(publisher, sequence, topic, headers, timestamp, content, size, encoding, offset)
}
