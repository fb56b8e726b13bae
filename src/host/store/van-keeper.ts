import { LRUCache } from 'lru-cache'
import type { StoredDeadLetter } from '../../broker/dead-letters/stored-dead-letter.js'
import {
  REPLAYED,
  type DurableLog,
  type KeptSubscription,
  type LogReader,
} from '../../broker/durable/durable-log.js'
import { OpenPlaces } from '../../broker/durable/open-places.js'
import { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import { describe, InvalidPatternError, MsgvanError, StoreError } from '../../errors.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { LogStatus, MissingStatus } from '../../bus/contract/status.js'
import { ReplayStart } from '../../message/replay.js'
import type { Envelope } from '../../message/envelope.js'
import { decodePayload, encodePayload } from '../../codec/payload.js'
import type { Damage } from '../../store/damage.js'
import { LOG_COPY, type Store, type StoreTransaction, type Table } from '../../store/store.js'
import { encodeRequest } from '../../wire/frames/subscription-request.js'
import { BookCopies } from './book-copies.js'
import {
  accountsOf,
  extentOf,
  missingFrom,
  unusableRules,
  usableRequest,
  type Accounts,
  type LogRecord,
} from './accounts.js'
import { decodeMark, encodeMark, noMark, type PublisherMark } from './publisher-mark.js'
import type { Committer, Contributor } from './committer.js'
import { decodeBook, KeptBook, type BookOwner, type BookState } from './kept-book.js'
import type { Unusable } from './set-aside.js'
import { Log, type Retention } from './log.js'
import { replayStart } from './replay.js'
import { decodeMessage, encodeMessage } from './message-codec.js'

/** So many publishers are remembered, so that what they publish again makes no duplicates. */
const PUBLISHERS_REMEMBERED = 10_000

/** Of so many publishers and topics it is remembered what came from other hosts. */
const SEEN_REMEMBERED = 20_000

const TRIM_EVERY_MS = 1_000

export interface VanKeeperOptions {
  readonly store: Store
  readonly committer: Committer
  readonly van: string
  readonly isOutbox: boolean
  /** Of its log in the store. */
  readonly number: number
  readonly retention: Retention
  /** What was set aside since a host last read the store. */
  readonly damages: readonly Damage[]
  /** A record cannot be used: it is set aside. */
  readonly unusable: (record: Unusable) => void
}

/** So many are named. */
const MOST_MISSING = 100

/** Under a number of their own are those that are removed, and still owe something: their names are free. */
const ENDING = 'e/'

interface SubscriptionRecord {
  readonly id?: string | undefined
  readonly session?: string | undefined
  readonly request: unknown
  readonly ending?: string
}

type Write = (transaction: StoreTransaction) => void

/** Keeps what one van's broker owes: the log, a book for each subscription, dead letters, publishers' marks. */
export class VanKeeper implements DurableLog, BookOwner, Contributor {
  readonly #options: VanKeeperOptions
  readonly #prefix: string
  readonly #log: Log
  readonly #books = new Map<string, KeptBook>()
  readonly #changed = new Set<KeptBook>()
  readonly #copies: BookCopies
  /** What is owed beyond the log, by its negative place. */
  readonly #owed = new Map<number, { readonly book: string; readonly envelope: StoredEnvelope }>()
  readonly #letters = new Map<StoredDeadLetter, string>()
  readonly #marks: LRUCache<string, PublisherMark>
  readonly #changedMarks = new Set<string>()
  readonly #seen: LRUCache<string, number>
  readonly #changedSeen = new Set<string>()
  /** Single records to write, in order. */
  #writes: Write[] = []
  #lastRecord = 0
  #trimmedAt = -Infinity
  /** The log's end as it is on the disk. */
  #endKept: number
  #isFrozen = false
  readonly #missing: MissingStatus[] = []
  /** The committer knows that there is something to write. */
  #isToldChanged = false

  constructor(options: VanKeeperOptions) {
    this.#options = options
    this.#prefix = `${options.number}/`
    this.#copies = new BookCopies(this.#prefix)
    const { store, number, damages } = options
    const record = store.get('logs', String(number))
    const isWhole = record !== undefined && damages.length === 0
    const kept = record && (decodePayload(record) as LogRecord)
    this.#log = new Log(store, number, kept !== undefined && isWhole ? kept : extentOf(store, number, kept))
    this.#endKept = this.#log.end
    this.#marks = new LRUCache({
      max: PUBLISHERS_REMEMBERED,
      dispose: (_, publisher, reason) => {
        if (reason === 'evict') this.#write(t => t.remove('publishers', this.#prefix + publisher))
      },
    })
    this.#seen = new LRUCache({
      max: SEEN_REMEMBERED,
      dispose: (_, key, reason) => {
        if (reason === 'evict') this.#write(t => t.remove('seen', this.#prefix + key))
      },
    })
    if (!isWhole || store.get('meta', LOG_COPY + String(number)) === undefined) this.#writeLog()
  }

  /** What was kept when the host started. What cannot be used is set aside. */
  load(): { subscriptions: KeptSubscription[]; letters: StoredDeadLetter[] } {
    this.#each('publishers', (key, value) => this.#marks.set(key, decodeMark(value)))
    this.#each('seen', (key, value) => this.#seen.set(key, decodePayload(value) as number))
    this.#each('owed', (key, value) => {
      const at = -this.#numbered(key)
      const { book, message } = decodePayload(value) as { book: string; message: Uint8Array }
      this.#owed.set(at, { book, envelope: decodeMessage(message, at) })
    })
    const letters: StoredDeadLetter[] = []
    this.#each('letters', (key, value) => {
      this.#numbered(key)
      const { letter, message } = decodePayload(value) as {
        letter: StoredDeadLetter['letter']
        message: Uint8Array
      }
      const buried = { letter, envelope: decodeMessage(message) }
      this.#letters.set(buried, key)
      letters.push(buried)
    })
    const subscriptions: KeptSubscription[] = []
    const { books: mended, restored } = this.#mended() ?? {}
    for (const [key, value] of [...this.#records('subscriptions'), ...(restored ?? [])]) {
      const bytes = this.#options.store.get('books', this.#prefix + key)
      if (mended?.get(key) === undefined && bytes === undefined) continue
      let state: BookState | undefined
      let record: SubscriptionRecord
      let request: SubscriptionRequest
      try {
        state = mended?.get(key) ?? (bytes && decodeBook(bytes))
        record = decodePayload(value) as SubscriptionRecord
        request = usableRequest(record.request)
      } catch (error) {
        this.#unusable(key, { value, state, error })
        continue
      }
      if (state === undefined) continue
      const { id, session, ending } = record
      if (key.startsWith(ENDING)) this.#numbered(key.slice(ENDING.length))
      const book = new KeptBook(key, id, state, this)
      this.#books.set(key, book)
      const isCopied = this.#options.store.get('copies', `${this.#prefix}s/${key}`) !== undefined
      if (mended !== undefined || !isCopied) {
        this.#putRules(key, value)
        book.changed()
      }
      subscriptions.push({ id, book, request: { ...request, session }, ending })
    }
    return { subscriptions, letters }
  }

  /** Goes through records of its own, and sets aside those that cannot be used. */
  #each(table: Table, take: (key: string, value: Uint8Array) => void): void {
    for (const [key, value] of [...this.#records(table)]) {
      try {
        take(key, value)
      } catch (error) {
        this.#options.unusable({ table, key: this.#prefix + key, value, error })
      }
    }
  }

  /** A subscription with rules that cannot be used goes, with its book. */
  #unusable(
    key: string,
    { value, state, error }: { value: Uint8Array; state: BookState | undefined; error: unknown },
  ): void {
    const own = this.#prefix + key
    const others = [
      ['books', own],
      ['copies', `${this.#prefix}s/${key}`],
      ['copies', `${this.#prefix}b/${key}`],
    ] as const
    this.#options.unusable({ table: 'subscriptions', key: own, value, error, with: others })
    const messages = (state?.waiting ?? 0) + (state?.open.size ?? 0)
    // One that was refused when it was made was owed nothing.
    if (error instanceof InvalidPatternError && messages === 0) return
    this.addMissing([unusableRules(key, messages)])
  }

  /** What was kept and is not there any more. */
  get missing(): readonly MissingStatus[] {
    return this.#missing
  }

  get number(): number {
    return this.#options.number
  }

  /** Messages from this place on could not be read: says who may have waited for them. */
  found(first: number): MissingStatus {
    const missing = missingFrom(
      first,
      { store: this.#options.store, number: this.number, end: this.#log.end },
      this.#books,
    )
    this.addMissing([missing])
    return missing
  }

  addMissing(missing: readonly MissingStatus[]): void {
    this.#missing.push(...missing.slice(0, MOST_MISSING - this.#missing.length))
  }

  /** The books that what was set aside has changed. */
  #mended(): Accounts | undefined {
    const { store, number, isOutbox, damages } = this.#options
    if (damages.length === 0) return undefined
    const accounts = accountsOf(store, { number, isOutbox, end: this.#log.end }, damages)
    this.addMissing(accounts.missing)
    for (const [key, book] of accounts.books)
      if (book === undefined) this.#write(t => t.remove('books', this.#prefix + key))
    return accounts
  }

  // What a broker asks of it.

  get extent(): LogStatus {
    const { first, end, bytes } = this.#log
    return { first, end, bytes }
  }

  append(envelope: StoredEnvelope): void {
    this.#log.append(envelope)
    if (!this.#isToldChanged) this.#news()
  }

  read(from: number): LogReader {
    return this.#log.read(from)
  }

  readAll(places: readonly number[]): StoredEnvelope[] {
    return this.#log.readAll(places)
  }

  open(request: SubscriptionRequest, id: string): KeptBook {
    const { end } = this.#log
    const { after, first } = request.from instanceof ReplayStart ? request.from : new ReplayStart(end - 1)
    const key = keyOf(request)
    const open = new OpenPlaces(first.map(place => [place, REPLAYED]))
    const book = new KeptBook(
      key,
      id,
      { high: after, liveFrom: end, droppedThrough: 0, waiting: 0, waitingBytes: 0, open },
      this,
    )
    if (key === undefined) return book
    this.#books.set(key, book)
    this.renewed(book, request)
    return book
  }

  letterKept(buried: StoredDeadLetter): void {
    const key = this.#numberedKey()
    this.#letters.set(buried, key)
    const value = encodePayload({ letter: buried.letter, message: encodeMessage(buried.envelope) })
    this.#write(t => t.put('letters', this.#prefix + key, value))
  }

  letterGone(buried: StoredDeadLetter): void {
    const key = this.#letters.get(buried)
    if (key === undefined) return
    this.#letters.delete(buried)
    this.#write(t => t.remove('letters', this.#prefix + key))
  }

  // What books ask of it.

  changed(book: KeptBook): void {
    if (book.key === undefined || this.#books.get(book.key) !== book) return
    this.#changed.add(book)
    this.#news()
  }

  renewed(book: KeptBook, request: SubscriptionRequest): void {
    const { key } = book
    if (key === undefined || this.#books.get(key) !== book) return
    const { session } = request
    this.#put(key, { id: book.id, session, request: encodeRequest(request) })
    this.changed(book)
  }

  #put(key: string, record: SubscriptionRecord): void {
    this.#putRules(key, encodePayload(record))
  }

  #putRules(key: string, value: Uint8Array): void {
    this.#write(t => {
      t.put('subscriptions', this.#prefix + key, value)
      this.#copies.putRules(t, key, value)
    })
  }

  owe(book: KeptBook, envelope: Envelope): StoredEnvelope {
    const stored = StoredEnvelope.of(envelope, -Number(this.#numberedKey()))
    if (book.key !== undefined) this.#owe(book.key, stored)
    return stored
  }

  #owe(book: string, envelope: StoredEnvelope): void {
    this.#owed.set(envelope.at, { book, envelope })
    const value = encodePayload({ book, message: encodeMessage(envelope) })
    this.#write(t => t.put('owed', this.#prefix + padded(-envelope.at), value))
  }

  owed({ key }: KeptBook): StoredEnvelope[] {
    return [...this.#owed.values()].filter(({ book }) => book === key).map(({ envelope }) => envelope)
  }

  settleOwed(_: KeptBook, at: number): void {
    if (this.#owed.delete(at)) this.#write(t => t.remove('owed', this.#prefix + padded(-at)))
  }

  /** In one transaction: before it the subscription is there, after it what it owes is given up, whoever dies. */
  ended(book: KeptBook, request: SubscriptionRequest, reason: string): void {
    const { key } = book
    if (this.#isFrozen || key === undefined || this.#books.get(key) !== book) return
    this.#forget(book, key)
    const next = ENDING + this.#numberedKey()
    book.key = next
    this.#books.set(next, book)
    for (const { book: owner, envelope } of [...this.#owed.values()])
      if (owner === key) this.#owe(next, envelope)
    this.#put(next, { id: book.id, request: encodeRequest(request), ending: reason })
    this.changed(book)
  }

  removed(book: KeptBook): void {
    const { key } = book
    if (this.#isFrozen || key === undefined || this.#books.get(key) !== book) return
    for (const [at, owed] of this.#owed) if (owed.book === key) this.settleOwed(book, at)
    this.#forget(book, key)
  }

  #forget(book: KeptBook, key: string): void {
    this.#books.delete(key)
    this.#changed.delete(book)
    this.#copies.forget(book)
    this.#write(t => {
      t.remove('subscriptions', this.#prefix + key)
      t.remove('books', this.#prefix + key)
      this.#copies.remove(t, key)
    })
  }

  // What sessions ask of it.

  /** Why so many bytes are not taken over, if they are not. */
  refusalOf(bytes: number): MsgvanError | undefined {
    try {
      this.#options.store.checkRoom(bytes)
      return undefined
    } catch (error) {
      return error instanceof MsgvanError ? error : new StoreError(describe(error), { cause: error })
    }
  }

  /** Where a subscription that asks for replay begins. */
  start(request: SubscriptionRequest): ReplayStart | Promise<ReplayStart> {
    return replayStart(this.#log, request)
  }

  mark(publisher: string): PublisherMark {
    return this.#marks.get(publisher) ?? noMark
  }

  /** All up to this message of a publisher has been taken over. */
  markTaken(publisher: string, mark: PublisherMark): void {
    const { through, refused } = this.mark(publisher)
    if (mark.through <= through && mark.refused.size === 0 && refused.size === 0) return
    this.#marks.set(publisher, mark)
    this.#changedMarks.add(publisher)
    this.#news()
  }

  seen(publisher: string, topic: string): number {
    return this.#seen.get(seenKey(publisher, topic)) ?? 0
  }

  markSeen(publisher: string, topic: string, sequence: number): void {
    const key = seenKey(publisher, topic)
    if (sequence > (this.#seen.get(key) ?? 0)) this.#noteSeen(key, sequence)
  }

  forgetSeen(publisher: string, topic: string, sequence: number): void {
    const key = seenKey(publisher, topic)
    if ((this.#seen.get(key) ?? 0) >= sequence) this.#noteSeen(key, sequence - 1)
  }

  #noteSeen(key: string, sequence: number): void {
    this.#seen.set(key, sequence)
    this.#changedSeen.add(key)
    this.#news()
  }

  /** Resolves when all that happened so far is on the disk; undefined when it is. */
  kept(): Promise<void> | undefined {
    return this.#options.committer.kept()
  }

  /** As `kept`, but in no hurry: with the next transaction there is, whether it could be written or not. */
  written(): Promise<void> | undefined {
    return this.#options.committer.written()
  }

  /** Whether this client had subscriptions without a name here that go on. */
  knows(client: string): boolean {
    for (const key of this.#books.keys()) if (key.startsWith(`s/${client}/`)) return true
    return false
  }

  /** Has what has become too old meanwhile trimmed, also when nothing else happens. */
  tidy(): void {
    if (this.#log.bytes > 0) this.#news()
  }

  /** From now on nothing changes any more: the host ends, and what it owes stays. */
  freeze(): void {
    this.#isFrozen = true
  }

  collect(transaction: StoreTransaction): (isWritten: boolean) => void {
    this.#isToldChanged = false
    const { number } = this.#options
    const books = [...this.#changed]
    const marks = [...this.#changedMarks]
    const seen = [...this.#changedSeen]
    const writes = this.#writes
    this.#changed.clear()
    this.#changedSeen.clear()
    this.#changedMarks.clear()
    this.#writes = []
    for (const write of writes) write(transaction)
    for (const book of books) transaction.put('books', `${this.#prefix}${book.key ?? ''}`, book.encode())
    for (const publisher of marks)
      transaction.put('publishers', this.#prefix + publisher, encodeMark(this.mark(publisher)))
    for (const key of seen) {
      const sequence = this.#seen.get(key)
      if (sequence !== undefined) transaction.put('seen', this.#prefix + key, encodePayload(sequence))
    }
    const copied = this.#copies.collect(transaction, books)
    const hasMessages = this.#log.hasNews
    const logEnded = this.#log.collect(transaction)
    const trimmed = this.#trim(transaction)
    // Places of what could not be kept are given to nothing else: books may have passed them.
    const { end } = this.#log
    if (hasMessages || trimmed > 0 || end !== this.#endKept)
      transaction.put('logs', String(number), this.#logRecord())
    return isWritten => {
      if (isWritten) this.#endKept = end
      const refused = logEnded(isWritten)
      copied(isWritten)
      // Step by step until there is nothing left to trim.
      if (isWritten && trimmed > 0) this.#news()
      if (isWritten) return
      this.#log.untrimmed(trimmed)
      this.#writes = [...writes, ...this.#writes]
      if (refused.length > 0) for (const book of this.#books.values()) book.refused?.(refused)
      for (const book of books) if (this.#books.get(book.key ?? '') === book) this.#changed.add(book)
      // Marks stay as they were until it is known what was refused with this.
    }
  }

  #trim(transaction: StoreTransaction): number {
    const now = performance.now()
    if (now - this.#trimmedAt < TRIM_EVERY_MS) return 0
    let through = this.#log.pendingFrom
    for (const book of this.#books.values()) through = Math.min(through, book.needsFrom(this.#log.end))
    const trimmed = this.#log.trim(transaction, through - 1, this.#options.retention)
    // After a step that found something the next one comes with the next transaction.
    if (trimmed === 0) this.#trimmedAt = now
    return trimmed
  }

  #writeLog(): void {
    const record = this.#logRecord()
    this.#write(t => t.put('logs', String(this.#options.number), record))
    this.#write(t => t.put('meta', LOG_COPY + String(this.#options.number), record))
  }

  #logRecord(): Uint8Array {
    const { van, isOutbox } = this.#options
    const { end, bytes } = this.#log
    return encodePayload({ van, ...(isOutbox ? { isOutbox } : {}), end, bytes } satisfies LogRecord)
  }

  #write(write: Write): void {
    if (this.#isFrozen) return
    this.#writes.push(write)
    this.#news()
  }

  #news(): void {
    if (this.#isFrozen) return
    this.#isToldChanged = true
    this.#options.committer.changed(this)
  }

  *#records(table: Table): Generator<[key: string, value: Uint8Array]> {
    for (const [key, value] of this.#options.store.records(table, this.#prefix))
      yield [key.slice(this.#prefix.length), value]
  }

  #numbered(key: string): number {
    const number = Number(key)
    this.#lastRecord = Math.max(this.#lastRecord, number)
    return number
  }

  #numberedKey(): string {
    this.#lastRecord += 1
    return padded(this.#lastRecord)
  }
}

/** No publisher and topic have the key of others. */
function seenKey(publisher: string, topic: string): string {
  return `${publisher.length}:${publisher}${topic}`
}

/** By name, or by the session of one that has none. */
function keyOf({ name, session }: SubscriptionRequest): string | undefined {
  if (name !== undefined) return `n/${name}`
  return session === undefined ? undefined : `s/${session}`
}

/** So that their order as text is that of the numbers. */
function padded(number: number): string {
  return String(number).padStart(16, '0')
}
