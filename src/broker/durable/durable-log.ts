import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { LogStatus } from '../../bus/contract/status.js'
import type { Envelope } from '../../message/envelope.js'
import type { StoredDeadLetter } from '../dead-letters/stored-dead-letter.js'
import type { OpenPlaces } from './open-places.js'
import type { StoredEnvelope } from './stored-envelope.js'

export const REPLAYED = -1

/** Reads a van's log on, message by message. */
export interface LogReader {
  /** The next place that it looks at. */
  readonly at: number
  /**
   * The next message whose topic is wanted; undefined when the end is reached, or when so many others were looked at that the
   * rest is better left for later.
   * @param before nothing from this place on
   */
  next(wants: (topic: string) => boolean, before?: number): StoredEnvelope | undefined
}

/**
 * What one subscription is owed, as it is kept: all that matches from `high` on, and before that only what is open. Whatever
 * changes is on the disk a little later, together with what was appended by then.
 */
export interface Cursor {
  /** Up to here everything was handed out once, or thrown away. */
  high: number
  /** From here on what matches is counted in `waiting`; what lies between `high` and this is replayed. */
  readonly liveFrom: number
  /** From `liveFrom` up to here all was thrown away by `drop-oldest`, while a replay was still before it. 0: nothing was. */
  droppedThrough: number
  /** Arrived, and not handed out yet. */
  waiting: number
  /** Bytes of their payloads. */
  waitingBytes: number
  /** Handed out and not settled, with the failures so far; `REPLAYED`: before everything else, and not handed out yet. */
  readonly open: OpenPlaces
  changed(): void
  /** Set by whom the book is of: told of messages that arrived and could not be kept. Their publishers have them refused. */
  refused: ((envelopes: readonly StoredEnvelope[]) => void) | undefined
  /** Other rules, the same pattern. */
  renew(request: SubscriptionRequest): void
  /** It is owed this one beyond the log. */
  owe(envelope: Envelope): StoredEnvelope
  /** What it is owed beyond the log. */
  owed(): StoredEnvelope[]
  settleOwed(at: number): void
  /** Its subscription is removed, and what it owes is given up for this reason, by the next process if this one dies. */
  end(request: SubscriptionRequest, reason: string): void
  /** Nothing is owed any more. */
  remove(): void
}

/** Keeps what a broker owes for longer than its process lives. The broker's side of a store. */
export interface DurableLog {
  /** Puts a message that was taken over at the end of the log, and its place into it. */
  append(envelope: StoredEnvelope): void
  readonly extent: LogStatus
  read(from: number): LogReader
  /** Single messages, by their places in ascending order; what is not there is left out. */
  readAll(places: readonly number[]): StoredEnvelope[]
  /** The books of a subscription that begins now, at its end or where it asks for. @param id by which letters call it */
  open(request: SubscriptionRequest, id: string): Cursor
  /** Resolves when all that happened so far is on the disk; undefined when it is. Rejects if it could not be written. */
  kept(): Promise<void> | undefined
  letterKept(buried: StoredDeadLetter): void
  letterGone(buried: StoredDeadLetter): void
}

/** Where what waits for another host is kept: a log of its own, all of which that host is owed. */
export interface OutboundLog {
  readonly durableLog: DurableLog
  readonly cursor: Cursor
}

/** What was kept of one subscription. */
export interface KeptSubscription {
  /** Undefined where an older msgvan wrote it: it gets a new one. */
  readonly id?: string | undefined
  readonly request: SubscriptionRequest
  readonly cursor: Cursor
  /** It was removed: why what it still owes is given up. */
  readonly ending?: string | undefined
}
