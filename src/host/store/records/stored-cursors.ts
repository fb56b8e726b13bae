import { REPLAYED, type KeptSubscription } from '../../../broker/durable/durable-log.js'
import { OpenPlaces } from '../../../broker/durable/open-places.js'
import type { StoredEnvelope } from '../../../broker/durable/stored-envelope.js'
import type { MissingStatus } from '../../../bus/contract/status.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import { InvalidPatternError } from '../../../errors.js'
import type { Envelope } from '../../../message/envelope.js'
import { ReplayStart } from '../../../message/replay.js'
import type { StoreTransaction } from '../../../store/store.js'
import { encodeRequest } from '../../../wire/frames/subscription-request.js'
import { unusableRules, usableRequest, type Accounts } from '../accounts.js'
import { BookCopies } from '../book-copies.js'
import { decodeBook, KeptBook, type BookOwner, type BookState } from '../kept-book.js'
import type { OwedMessages } from './owed-messages.js'
import type { VanRecords } from './van-records.js'

/** Begins the key of a removed subscription that still owes messages: its name is free. */
const ENDING = 'e/'

interface SubscriptionRecord {
  readonly id?: string | undefined
  readonly session?: string | undefined
  readonly request: unknown
  readonly ending?: string
}

/** The subscriptions of one van in the store: the rules and the cursor of each, with a copy. */
export class StoredCursors implements BookOwner {
  readonly #records: VanRecords
  readonly #owed: OwedMessages
  readonly #copies: BookCopies
  readonly #books = new Map<string, KeptBook>()
  readonly #changed = new Set<KeptBook>()

  constructor(records: VanRecords, owed: OwedMessages) {
    this.#records = records
    this.#owed = owed
    this.#copies = new BookCopies(records.prefix)
  }

  /** By the keys of their subscriptions. */
  get all(): ReadonlyMap<string, KeptBook> {
    return this.#books
  }

  /**
   * @param mended the cursors and rules that come from copies after a damage
   * @param lost learns of each subscription whose rules cannot be used
   */
  load(
    mended: Pick<Accounts, 'books' | 'restored'> | undefined,
    lost: (missing: MissingStatus) => void,
  ): KeptSubscription[] {
    const all = [...this.#records.all('subscriptions'), ...(mended?.restored ?? [])]
    return all.flatMap(([key, value]) => this.#loadOne(key, value, mended?.books, lost) ?? [])
  }

  /** @param end the end of the log: a subscription without a replay begins there */
  open(request: SubscriptionRequest, id: string, end: number): KeptBook {
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

  /** Whether the store has subscriptions without a name of this client. */
  knows(client: string): boolean {
    for (const key of this.#books.keys()) if (key.startsWith(`s/${client}/`)) return true
    return false
  }

  /** The first place of the log that a subscription still needs. @param end the end of the log */
  neededFrom(end: number): number {
    let first = Infinity
    for (const book of this.#books.values()) first = Math.min(first, book.needsFrom(end))
    return first
  }

  /** These messages could not be written: no subscription is owed them. */
  refused(envelopes: readonly StoredEnvelope[]): void {
    if (envelopes.length > 0) for (const book of this.#books.values()) book.refused?.(envelopes)
  }

  /** @returns the cursors that it writes, for `collectCopies` and `takeBack` */
  collect(transaction: StoreTransaction): readonly KeptBook[] {
    const books = [...this.#changed]
    this.#changed.clear()
    for (const book of books)
      transaction.put('books', `${this.#records.prefix}${book.key ?? ''}`, book.encode())
    return books
  }

  /** @returns a function for the outcome of the transaction */
  collectCopies(transaction: StoreTransaction, books: readonly KeptBook[]): (isWritten: boolean) => void {
    return this.#copies.collect(transaction, books)
  }

  /** The transaction with these failed. */
  takeBack(books: readonly KeptBook[]): void {
    for (const book of books) if (this.#books.get(book.key ?? '') === book) this.#changed.add(book)
  }

  changed(book: KeptBook): void {
    if (book.key === undefined || this.#books.get(book.key) !== book) return
    this.#changed.add(book)
    this.#records.changed()
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
    this.#records.write(t => {
      t.put('subscriptions', this.#records.prefix + key, value)
      this.#copies.putRules(t, key, value)
    })
  }

  owe({ key }: KeptBook, envelope: Envelope): StoredEnvelope {
    return this.#owed.add(key, envelope)
  }

  owed({ key }: KeptBook): StoredEnvelope[] {
    return this.#owed.of(key)
  }

  settleOwed(_: KeptBook, at: number): void {
    this.#owed.settle(at)
  }

  /** In one transaction: with it on the disk, the next host goes on to give up the messages. */
  ended(book: KeptBook, request: SubscriptionRequest, reason: string): void {
    const { key } = book
    if (this.#records.isFrozen || key === undefined || this.#books.get(key) !== book) return
    this.#forget(book, key)
    const next = ENDING + this.#records.newKey()
    book.key = next
    this.#books.set(next, book)
    this.#owed.move(key, next)
    this.#put(next, { id: book.id, request: encodeRequest(request), ending: reason })
    this.changed(book)
  }

  removed(book: KeptBook): void {
    const { key } = book
    if (this.#records.isFrozen || key === undefined || this.#books.get(key) !== book) return
    this.#owed.removeAll(key)
    this.#forget(book, key)
  }

  #forget(book: KeptBook, key: string): void {
    this.#books.delete(key)
    this.#changed.delete(book)
    this.#copies.forget(book)
    const { prefix } = this.#records
    this.#records.write(t => {
      t.remove('subscriptions', prefix + key)
      t.remove('books', prefix + key)
      this.#copies.remove(t, key)
    })
  }

  #loadOne(
    key: string,
    value: Uint8Array,
    mended: Accounts['books'] | undefined,
    lost: (missing: MissingStatus) => void,
  ): KeptSubscription | undefined {
    const bytes = this.#records.get('books', key)
    if (mended?.get(key) === undefined && bytes === undefined) return undefined
    let state: BookState | undefined
    let record: SubscriptionRecord
    let request: SubscriptionRequest
    try {
      state = mended?.get(key) ?? (bytes && decodeBook(bytes))
      record = decodePayload(value) as SubscriptionRecord
      request = usableRequest(record.request)
    } catch (error) {
      const missing = this.#unusable(key, { value, state, error })
      if (missing !== undefined) lost(missing)
      return undefined
    }
    if (state === undefined) return undefined
    const { id, session, ending } = record
    if (key.startsWith(ENDING)) this.#records.numberOf(key.slice(ENDING.length))
    const book = new KeptBook(key, id, state, this)
    this.#books.set(key, book)
    const isCopied = this.#records.get('copies', `s/${key}`) !== undefined
    if (mended !== undefined || !isCopied) {
      this.#putRules(key, value)
      book.changed()
    }
    return { id, book, request: { ...request, session }, ending }
  }

  /** Sets aside a subscription whose rules cannot be used, with its cursor. @returns its loss */
  #unusable(
    key: string,
    { value, state, error }: { value: Uint8Array; state: BookState | undefined; error: unknown },
  ): MissingStatus | undefined {
    const { prefix } = this.#records
    const own = prefix + key
    const others = [
      ['books', own],
      ['copies', `${prefix}s/${key}`],
      ['copies', `${prefix}b/${key}`],
    ] as const
    this.#records.setAside({ table: 'subscriptions', key: own, value, error, with: others })
    const messages = (state?.waiting ?? 0) + (state?.open.size ?? 0)
    // A subscription that was refused when it was made is owed nothing.
    if (error instanceof InvalidPatternError && messages === 0) return undefined
    return unusableRules(key, messages)
  }
}

/** The name, or the session of a subscription without one. */
function keyOf({ name, session }: SubscriptionRequest): string | undefined {
  if (name !== undefined) return `n/${name}`
  return session === undefined ? undefined : `s/${session}`
}
