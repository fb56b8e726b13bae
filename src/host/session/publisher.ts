import { InvalidTopicError, LimitError, type MsgvanError } from '../../errors.js'
import { Envelope } from '../../message/envelope.js'
import { tooLarge } from '../../codec/payload.js'
import { isMailTopic, isSystemTopic } from '../../message/topic.js'
import { toWireError, type WireError } from '../../wire/frames/control-frames.js'
import type { PublisherMark } from '../store/records/publisher-mark.js'

/** The outcome of a publish that was not accepted at once. */
export type LateOutcome = 'taken' | WireError

/** Takes the publishes of a van. */
export interface Taker {
  /** Undefined: accepted at once. */
  accept(envelope: Envelope): undefined | Promise<void>
  /**
   * For a message that has been stored since before the start: resolves when its full subscriptions have room;
   * undefined if none is full.
   */
  awaitRoom(envelope: Envelope): undefined | Promise<void>
  /** Resolves when everything so far is on the disk; undefined if it is. */
  kept(): Promise<void> | undefined
}

/** The most refusals that it keeps for a publisher. One that reads its outcomes has a few. */
const MOST_REFUSED = 100_000

/**
 * One publisher in one van, over all its sessions: a publish that it repeats after a lost session has its first
 * outcome, or still waits for it.
 */
export class Publisher {
  #lastSequence: number
  /** Held back by the van, by sequence number. */
  readonly #late = new Map<number, Promise<LateOutcome>>()
  /** Refused, and the publisher does not know it yet. */
  readonly #refused: Map<number, WireError>
  /** The oldest refusals up to here were too many to keep. */
  #forgottenThrough = 0
  /** Messages up to here were stored by the last process, if that stored any. */
  readonly #keptThrough: number
  /**
   * The process before may have delivered messages without a record. Undefined until the first message is here:
   * repeats come first, so it shows whether the client sent to another process.
   */
  #cameBefore: boolean | undefined

  /**
   * @param kept its last message with the last process
   * @param isWhole that process has passed on all that it had handed out
   */
  constructor({ through, refused }: PublisherMark, isWhole: boolean) {
    this.#lastSequence = through
    this.#keptThrough = through
    this.#refused = new Map(refused)
    if (isWhole) this.#cameBefore = false
  }

  /** Whether there is anything to remember. */
  get hasPublished(): boolean {
    return this.#lastSequence > 0
  }

  /** The number of refusals that the publisher does not know of yet. */
  get refusals(): number {
    return this.#refused.size
  }

  /** All up to there is owed, or refused. */
  get mark(): PublisherMark {
    return { through: this.#lastSequence, refused: this.#refused }
  }

  /**
   * @param refusal the reason why the van takes nothing over now, if there is one
   * @param room its promise waits for that, too, if it is new
   * @returns undefined when the van has taken it over, now or at an earlier try; a promise while it is held back
   */
  offer(
    envelope: Envelope,
    van: Taker,
    maxPayload: number,
    refusal: MsgvanError | undefined,
    room?: Promise<unknown>,
  ): undefined | Promise<LateOutcome> | WireError {
    const { sequence, mayHaveCome } = envelope
    this.#cameBefore ??= mayHaveCome
    if (sequence <= this.#lastSequence) return this.#before(envelope, van)
    this.#lastSequence = sequence
    // It was never accepted here, so no subscription has it.
    const offered = mayHaveCome && !this.#cameBefore ? envelope.as(Envelope) : envelope
    const late = this.#accept(offered, van, maxPayload, refusal, room)
    if (late instanceof Promise) this.#late.set(sequence, late)
    else if (late !== undefined) this.refuse(sequence, late)
    return late
  }

  /** It comes for the first time. */
  isNew({ sequence }: Envelope): boolean {
    return sequence > this.#lastSequence
  }

  /** It was accepted, and is not refused. */
  has({ sequence }: Envelope): boolean {
    return sequence <= this.#lastSequence && sequence > this.#forgottenThrough && !this.#refused.has(sequence)
  }

  /** It is not accepted, or it was and could not be written. */
  refuse(sequence: number, refusal: WireError): void {
    this.#refused.set(sequence, refusal)
    if (this.#refused.size <= MOST_REFUSED) return
    // Many at once: each look for the oldest one goes past all that are deleted.
    for (const [oldest] of this.#refused) {
      if (this.#refused.size <= MOST_REFUSED * 0.9) return
      this.#refused.delete(oldest)
      this.#forgottenThrough = Math.max(this.#forgottenThrough, oldest)
    }
  }

  /** The publisher knows of it, and will not ask again. */
  acknowledge(sequence: number): void {
    this.#refused.delete(sequence)
  }

  #accept(
    envelope: Envelope,
    van: Taker,
    maxPayload: number,
    refusal: MsgvanError | undefined,
    room: Promise<unknown> | undefined,
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
    if (held === undefined && room === undefined) return undefined
    return this.#held(envelope.sequence, Promise.all([held, room, van.kept()]))
  }

  #before(envelope: Envelope, van: Taker): undefined | Promise<LateOutcome> | WireError {
    const { sequence } = envelope
    const known = this.#refused.get(sequence) ?? this.#late.get(sequence)
    if (known !== undefined) return known
    return sequence <= this.#forgottenThrough
      ? toWireError(unknownOutcome())
      : this.#keptBefore(envelope, van)
  }

  /** The process that stored it ended before its publisher learned of that. */
  #keptBefore(envelope: Envelope, van: Taker): undefined | Promise<LateOutcome> {
    const { sequence } = envelope
    const held = sequence <= this.#keptThrough ? van.awaitRoom(envelope) : undefined
    if (held === undefined) return undefined
    const late = this.#held(sequence, held)
    this.#late.set(sequence, late)
    return late
  }

  /** A refusal is final: a message that could not be written is owed to no subscription. */
  async #held(sequence: number, held: Promise<unknown>): Promise<LateOutcome> {
    try {
      await held
      return 'taken'
    } catch (error) {
      const refusal = toWireError(error)
      this.refuse(sequence, refusal)
      return refusal
    } finally {
      this.#late.delete(sequence)
    }
  }
}

function unknownOutcome(): LimitError {
  return new LimitError(
    `The client left more than ${MOST_REFUSED} refusals unread: the outcome of this publish is not known any more.`,
  )
}
