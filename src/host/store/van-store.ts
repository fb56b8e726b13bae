import type { StoredDeadLetter } from '../../broker/dead-letters/stored-dead-letter.js'
import type { DurableLog, KeptSubscription, LogReader } from '../../broker/durable/durable-log.js'
import type { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import { describe, MsgvanError, StoreError } from '../../errors.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { LogStatus, MissingStatus } from '../../bus/contract/status.js'
import type { ReplayStart } from '../../message/replay.js'
import { decodePayload, encodePayload } from '../../codec/payload.js'
import type { Damage } from '../../store/damage.js'
import { LOG_COPY, type Store, type StoreTransaction } from '../../store/store.js'
import { accountsOf, extentOf, missingFrom, type Accounts, type LogRecord } from './accounts.js'
import type { PublisherMark } from './records/publisher-mark.js'
import type { Committer, Contributor } from './committer.js'
import type { StoredCursor } from './stored-cursor.js'
import type { Unusable } from './set-aside.js'
import { Log, type ReadMemory, type Retention } from './log.js'
import { replayStart } from './replay.js'
import { OwedMessages } from './records/owed-messages.js'
import { PublisherMarks } from './records/publisher-marks.js'
import { StoredSeenMarks } from './records/seen-marks.js'
import { StoredDelays } from './records/stored-delays.js'
import { StoredIds } from './records/stored-ids.js'
import { StoredCursors } from './records/stored-cursors.js'
import { StoredStates } from './records/stored-states.js'
import { StoredLetters } from './records/stored-letters.js'
import { VanRecords } from './records/van-records.js'

const TRIM_EVERY_MS = 1_000

export interface VanStoreOptions {
  readonly store: Store
  readonly committer: Committer
  readonly van: string
  readonly isOutbound: boolean
  /** The number of its log in the store. */
  readonly number: number
  readonly retention: Retention
  /** The damages that were found since a host last read the store. */
  readonly damages: readonly Damage[]
  /** The host ends. */
  readonly isEnding: () => boolean
  /** A record cannot be used: it is set aside. */
  readonly unusable: (record: Unusable) => void
}

/** Only this number of losses is listed. */
const MOST_MISSING = 100

/** One van in the store: its log, a cursor for each subscription, dead letters, and marks of publishers. */
export class VanStore implements DurableLog, Contributor {
  readonly #options: VanStoreOptions
  readonly #records: VanRecords
  readonly #marks: PublisherMarks
  /** The last message of other hosts, for each publisher and topic. */
  readonly seenMarks: StoredSeenMarks
  readonly #owed: OwedMessages
  readonly #cursors: StoredCursors
  readonly #letters: StoredLetters
  readonly states: StoredStates
  readonly #log: Log
  readonly rules: { readonly delays: StoredDelays; readonly ids: StoredIds }
  #trimmedAt = -Infinity
  /** The end of the log on the disk. */
  #endKept: number
  readonly #missing: MissingStatus[] = []
  /** The committer will collect. */
  #isScheduled = false

  constructor(options: VanStoreOptions) {
    this.#options = options
    this.#records = new VanRecords({ ...options, changed: () => this.#schedule() })
    this.#marks = new PublisherMarks(this.#records)
    this.seenMarks = new StoredSeenMarks(this.#records)
    this.#owed = new OwedMessages(this.#records)
    this.#cursors = new StoredCursors(this.#records, this.#owed)
    this.#letters = new StoredLetters(this.#records)
    this.rules = {
      delays: new StoredDelays(this.#records, () => this.kept()),
      ids: new StoredIds(this.#records),
    }
    this.states = new StoredStates(this.#records)
    const { store, number, damages } = options
    const record = store.get('logs', String(number))
    const isWhole = record !== undefined && damages.length === 0
    const kept = record && (decodePayload(record) as LogRecord)
    this.#log = new Log(store, number, kept !== undefined && isWhole ? kept : extentOf(store, number, kept))
    this.#endKept = this.#log.end
    if (!isWhole || store.get('meta', LOG_COPY + String(number)) === undefined) this.#writeLog()
  }

  /** Reads everything at the start of the host. Sets aside records that cannot be used. */
  load(): { subscriptions: KeptSubscription[]; letters: StoredDeadLetter[] } {
    const { delays, ids } = this.rules
    for (const records of [this.#marks, this.seenMarks, this.#owed, delays, ids]) records.load()
    const letters = this.#letters.load()
    const subscriptions = this.#cursors.load(this.#mended(), missing => this.addMissing([missing]))
    return { subscriptions, letters }
  }

  /** The messages that damage has taken. */
  get missing(): readonly MissingStatus[] {
    return this.#missing
  }

  get number(): number {
    return this.#options.number
  }

  /**
   * Messages from this place on could not be read.
   *
   * @returns the loss, with the subscriptions that may have waited for them
   */
  found(first: number): MissingStatus {
    const missing = missingFrom(
      first,
      { store: this.#options.store, number: this.number, end: this.#log.end },
      this.#cursors.all,
    )
    this.addMissing([missing])
    return missing
  }

  addMissing(missing: readonly MissingStatus[]): void {
    this.#missing.push(...missing.slice(0, MOST_MISSING - this.#missing.length))
  }

  /** The cursors that the damages have changed. */
  #mended(): Accounts | undefined {
    const { store, number, isOutbound, damages } = this.#options
    if (damages.length === 0) return undefined
    const accounts = accountsOf(store, { number, isOutbound, end: this.#log.end }, damages)
    this.addMissing(accounts.missing)
    for (const [key, cursor] of accounts.cursors) if (cursor === undefined) this.#records.remove('books', key)
    return accounts
  }

  // For the broker.

  get extent(): LogStatus {
    const { first, end, bytes } = this.#log
    return { first, end, bytes }
  }

  get isEnding(): boolean {
    return this.#options.isEnding()
  }

  append(envelope: StoredEnvelope): void {
    this.#log.append(envelope)
    if (!this.#isScheduled) this.#records.changed()
  }

  /** Counts what is read from the disk. */
  set memory(memory: ReadMemory) {
    this.#log.memory = memory
  }

  get isTight(): boolean {
    return this.#log.memory?.isFull === true
  }

  read(from: number): LogReader {
    return this.#log.read(from)
  }

  readAll(places: readonly number[]): StoredEnvelope[] {
    return this.#log.readAll(places)
  }

  open(request: SubscriptionRequest, id: string): StoredCursor {
    return this.#cursors.open(request, id, this.#log.end)
  }

  letterKept(stored: StoredDeadLetter): void {
    this.#letters.add(stored)
  }

  letterGone(stored: StoredDeadLetter): void {
    this.#letters.remove(stored)
  }

  // For sessions.

  /** The error for a publish of so many bytes without room for it. */
  refusalOf(bytes: number): MsgvanError | undefined {
    try {
      this.#options.store.checkRoom(bytes)
      return undefined
    } catch (error) {
      return error instanceof MsgvanError ? error : new StoreError(describe(error), { cause: error })
    }
  }

  /** The place at which a replay begins. */
  start(request: SubscriptionRequest): ReplayStart | Promise<ReplayStart> {
    return replayStart(this.#log, request)
  }

  mark(publisher: string): PublisherMark {
    return this.#marks.get(publisher)
  }

  /** Everything up to this message of a publisher is accepted. */
  markTaken(publisher: string, mark: PublisherMark): void {
    this.#marks.set(publisher, mark)
  }

  /** Resolves when everything so far is on the disk; undefined if it is. */
  kept(): Promise<void> | undefined {
    return this.#options.committer.kept()
  }

  /** Resolves after the next transaction: whether it could be written. */
  written(): Promise<boolean> | undefined {
    return this.#options.committer.written()
  }

  /** Whether the store has unnamed subscriptions of this client. */
  knows(client: string): boolean {
    return this.#cursors.knows(client)
  }

  /** Trims old messages, also when nothing else happens. */
  tidy(): void {
    if (this.#log.bytes > 0) this.#records.changed()
  }

  /** Writes nothing more: the host ends, and its messages stay. */
  freeze(): void {
    this.#records.freeze()
  }

  /** Writes everything that changed into the transaction. @returns a function for its outcome */
  collect(transaction: StoreTransaction): (isWritten: boolean) => void {
    this.#isScheduled = false
    const keepWrites = this.#records.collect(transaction)
    const cursors = this.#cursors.collect(transaction)
    this.#marks.collect(transaction)
    this.seenMarks.collect(transaction)
    const copied = this.#cursors.collectCopies(transaction, cursors)
    const delaysEnded = this.rules.delays.collect(transaction)
    const idsEnded = this.rules.ids.collect(transaction)
    const hasMessages = this.#log.hasNews
    const logEnded = this.#log.collect(transaction)
    const trimmed = this.#trim(transaction)
    // No other message gets the place of one that could not be written: cursors may have passed it.
    const { end } = this.#log
    if (hasMessages || trimmed > 0 || end !== this.#endKept)
      transaction.put('logs', String(this.#options.number), this.#logRecord())
    return isWritten => {
      const refused = logEnded(isWritten)
      copied(isWritten)
      delaysEnded(isWritten)
      idsEnded(isWritten)
      if (isWritten) {
        this.#endKept = end
        // Step by step until nothing is left to trim.
        if (trimmed > 0) this.#records.changed()
      } else {
        this.#log.untrimmed(trimmed)
        keepWrites()
        this.#cursors.refused(refused)
        this.#cursors.takeBack(cursors)
      }
    }
  }

  #trim(transaction: StoreTransaction): number {
    const now = performance.now()
    if (now - this.#trimmedAt < TRIM_EVERY_MS) return 0
    const through = Math.min(this.#log.pendingFrom, this.#cursors.neededFrom(this.#log.end))
    const trimmed = this.#log.trim(transaction, through - 1, this.#options.retention)
    // After a step with messages the next one comes with the next transaction.
    if (trimmed === 0) this.#trimmedAt = now
    return trimmed
  }

  #writeLog(): void {
    const record = this.#logRecord()
    const { number } = this.#options
    this.#records.write(t => {
      t.put('logs', String(number), record)
      t.put('meta', LOG_COPY + String(number), record)
    })
  }

  #logRecord(): Uint8Array {
    const { van, isOutbound } = this.#options
    const { end, bytes } = this.#log
    return encodePayload({ van, ...(isOutbound ? { isOutbox: true } : {}), end, bytes } satisfies LogRecord)
  }

  #schedule(): void {
    this.#isScheduled = true
    this.#options.committer.changed(this)
  }
}
