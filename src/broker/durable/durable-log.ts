import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { LogStatus } from '../../bus/contract/status.js'
import type { Envelope } from '../../message/envelope.js'
import type { StoredDeadLetter } from '../dead-letters/stored-dead-letter.js'
import type { Wants } from '../wanting.js'
import type { RulesKeeper } from '../delayed/ruled-publisher.js'
import type { OpenPlaces } from './open-places.js'
import type { StoredEnvelope } from './stored-envelope.js'

export const REPLAYED = -1

/** Reads a van's log from a place on, message by message. */
export interface LogReader {
  /** The next place to read. */
  readonly at: number
  /**
   * The next wanted message. Undefined at the end, or after so many other messages that the caller should
   * go on later.
   *
   * @param before reads nothing from this place on
   */
  next(wants: Wants, before?: number): StoredEnvelope | undefined
}

/**
 * A subscription's place in the log: it is owed all matches from `high` on, and before that only the open messages. A
 * change is on the disk a little later, together with all appends before it.
 */
export interface Cursor {
  /** The place up to which everything was handed out once, or thrown away. */
  high: number
  /** `waiting` counts the matches from here on. The matches between `high` and this place are a replay. */
  readonly liveFrom: number
  /**
   * `drop-oldest` threw away all from `liveFrom` up to here, while a replay was still before it. 0: it threw nothing
   * away.
   */
  droppedThrough: number
  /** Messages that arrived and are not handed out yet. */
  waiting: number
  /** Bytes of their payloads. */
  waitingBytes: number
  /**
   * Messages that are handed out and not settled, with their failures so far. `REPLAYED`: before everything else, and
   * not handed out yet.
   */
  readonly open: OpenPlaces
  changed(): void
  /**
   * Set by the owning subscription. Gets the messages that arrived and could not be written; their publishers get a
   * refusal.
   */
  refused: ((envelopes: readonly StoredEnvelope[]) => void) | undefined
  /** The subscription has other rules, and the same pattern. */
  renew(request: SubscriptionRequest): void
  /** Owes the subscription this message beyond the log. */
  owe(envelope: Envelope): StoredEnvelope
  /** The messages that it is owed beyond the log. */
  owed(): StoredEnvelope[]
  settleOwed(at: number): void
  /** Its subscription is removed. Its messages are given up for this reason, by the next process if this one dies. */
  end(request: SubscriptionRequest, reason: string): void
  /** The subscription is owed nothing any more. */
  remove(): void
}

/** Keeps a broker's messages for longer than its process lives. The broker's side of a store. */
export interface DurableLog {
  /** Appends a message to the log, and sets the message's place. */
  append(envelope: StoredEnvelope): void
  readonly extent: LogStatus
  /** There is no memory for messages that are read: a queue reads one, when its subscription has none in hand. */
  readonly isTight?: boolean
  /** The process ends, and a delivery from now on could be missing from the last write: there must be none. */
  readonly isEnding: boolean
  read(from: number): LogReader
  /** Single messages, by their places in ascending order. It leaves out those that the log does not have. */
  readAll(places: readonly number[]): StoredEnvelope[]
  /**
   * The cursor of a new subscription, at the end of the log or at the place that it asks for.
   *
   * @param id the subscription in dead letters
   */
  open(request: SubscriptionRequest, id: string): Cursor
  /** Resolves when everything so far is on the disk; undefined when it is. Rejects if it could not be written. */
  kept(): Promise<void> | undefined
  letterKept(stored: StoredDeadLetter): void
  letterGone(stored: StoredDeadLetter): void
  /** Delayed messages, and the ids of publishes. Default: they are in memory. */
  readonly rules?: RulesKeeper
}

/** A log of its own for messages to another host, which is owed all of it. */
export interface OutboundLog {
  readonly durableLog: DurableLog
  readonly cursor: Cursor
}

/** A subscription in the store. */
export interface KeptSubscription {
  /** Undefined where an older msgvan wrote it: it gets a new one. */
  readonly id?: string | undefined
  readonly request: SubscriptionRequest
  readonly cursor: Cursor
  /** Set on a removed subscription: the reason for giving up its messages. */
  readonly ending?: string | undefined
}
