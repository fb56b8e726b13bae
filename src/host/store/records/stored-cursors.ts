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
import { CursorCopies } from '../cursor-copies.js'
import { decodeCursor, StoredCursor, type CursorOwner, type CursorState } from '../stored-cursor.js'
import type { OwedMessages } from './owed-messages.js'
import type { VanRecords } from './van-records.js'

/** Begins the key of a removed subscription that still owes messages: its name is free. */
const ENDING = 'e/'

/** Begins the key of a subscription without a name. */
const UNNAMED = 's/'

interface SubscriptionRecord {
  readonly id?: string | undefined
  readonly session?: string | undefined
  readonly request: unknown
  readonly ending?: string
}

/** The subscriptions of one van in the store: the rules and the cursor of each, with a copy. */
export class StoredCursors implements CursorOwner {
  readonly #records: VanRecords
  readonly #owed: OwedMessages
  readonly #copies: CursorCopies
  readonly #cursors = new Map<string, StoredCursor>()
  readonly #changed = new Set<StoredCursor>()

  constructor(records: VanRecords, owed: OwedMessages) {
    this.#records = records
    this.#owed = owed
    this.#copies = new CursorCopies(records.prefix)
  }

  /** By the keys of their subscriptions. */
  get all(): ReadonlyMap<string, StoredCursor> {
    return this.#cursors
  }

  /**
   * @param mended the cursors and rules that come from copies after a damage
   * @param lost gets each subscription whose rules cannot be used
   */
  load(
    mended: Pick<Accounts, 'cursors' | 'restored'> | undefined,
    lost: (missing: MissingStatus) => void,
  ): KeptSubscription[] {
    const all = [...this.#records.all('subscriptions'), ...(mended?.restored ?? [])]
    return all.flatMap(([key, value]) => this.#loadOne(key, value, mended?.cursors, lost) ?? [])
  }

  /** @param end the end of the log: a subscription without a replay begins there */
  open(request: SubscriptionRequest, id: string, end: number): StoredCursor {
    const { after, first } = request.from instanceof ReplayStart ? request.from : new ReplayStart(end - 1)
    const key = keyOf(request)
    const open = new OpenPlaces(first.map(place => [place, REPLAYED]))
    const cursor = new StoredCursor(
      key,
      id,
      { high: after, liveFrom: end, droppedThrough: 0, waiting: 0, waitingBytes: 0, open },
      this,
    )
    if (key === undefined) return cursor
    this.#cursors.set(key, cursor)
    this.renewed(cursor, request)
    return cursor
  }

  /** Whether the store has unnamed subscriptions of this client. */
  knows(client: string): boolean {
    for (const key of this.#cursors.keys()) if (key.startsWith(`${UNNAMED}${client}/`)) return true
    return false
  }

  /**
   * The first place of the log that a subscription still needs.
   *
   * @param end the end of the log
   */
  neededFrom(end: number): number {
    let first = Infinity
    for (const cursor of this.#cursors.values()) first = Math.min(first, cursor.needsFrom(end))
    return first
  }

  /** These messages could not be written: no subscription is owed them. */
  refused(envelopes: readonly StoredEnvelope[]): void {
    if (envelopes.length > 0) for (const cursor of this.#cursors.values()) cursor.refused?.(envelopes)
  }

  /** @returns the cursors that it writes, for `collectCopies` and `takeBack` */
  collect(transaction: StoreTransaction): readonly StoredCursor[] {
    const cursors = [...this.#changed]
    this.#changed.clear()
    for (const cursor of cursors)
      transaction.put('books', `${this.#records.prefix}${cursor.key ?? ''}`, cursor.encode())
    return cursors
  }

  /** @returns a function for the outcome of the transaction */
  collectCopies(
    transaction: StoreTransaction,
    cursors: readonly StoredCursor[],
  ): (isWritten: boolean) => void {
    return this.#copies.collect(transaction, cursors)
  }

  /** The transaction with these failed. */
  takeBack(cursors: readonly StoredCursor[]): void {
    for (const cursor of cursors)
      if (this.#cursors.get(cursor.key ?? '') === cursor) this.#changed.add(cursor)
  }

  changed(cursor: StoredCursor): void {
    if (cursor.key === undefined || this.#cursors.get(cursor.key) !== cursor) return
    this.#changed.add(cursor)
    this.#records.changed()
  }

  renewed(cursor: StoredCursor, request: SubscriptionRequest): void {
    if (cursor.key === undefined || this.#cursors.get(cursor.key) !== cursor) return
    // Another process of its client's host has asked for it.
    const key = cursor.key.startsWith(UNNAMED) ? (keyOf(request) ?? cursor.key) : cursor.key
    if (key !== cursor.key) this.#move(cursor, cursor.key, key)
    const { session } = request
    this.#put(key, { id: cursor.id, session, request: encodeRequest(request) })
    this.changed(cursor)
  }

  /** Its rules and its cursor are written under the next key, in the same transaction. */
  #move(cursor: StoredCursor, key: string, next: string): void {
    this.#forget(cursor, key)
    cursor.key = next
    this.#cursors.set(next, cursor)
    this.#owed.move(key, next)
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

  owe({ key }: StoredCursor, envelope: Envelope): StoredEnvelope {
    return this.#owed.add(key, envelope)
  }

  owed({ key }: StoredCursor): StoredEnvelope[] {
    return this.#owed.of(key)
  }

  settleOwed(_: StoredCursor, at: number): void {
    this.#owed.settle(at)
  }

  /** In one transaction: with it on the disk, the next host continues to give up the messages. */
  ended(cursor: StoredCursor, request: SubscriptionRequest, reason: string): void {
    const { key } = cursor
    if (this.#records.isFrozen || key === undefined || this.#cursors.get(key) !== cursor) return
    const next = ENDING + this.#records.newKey()
    this.#move(cursor, key, next)
    this.#put(next, { id: cursor.id, request: encodeRequest(request), ending: reason })
    this.changed(cursor)
  }

  removed(cursor: StoredCursor): void {
    const { key } = cursor
    if (this.#records.isFrozen || key === undefined || this.#cursors.get(key) !== cursor) return
    this.#owed.removeAll(key)
    this.#forget(cursor, key)
  }

  #forget(cursor: StoredCursor, key: string): void {
    this.#cursors.delete(key)
    this.#changed.delete(cursor)
    this.#copies.forget(cursor)
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
    mended: Accounts['cursors'] | undefined,
    lost: (missing: MissingStatus) => void,
  ): KeptSubscription | undefined {
    const bytes = this.#records.get('books', key)
    if (mended?.get(key) === undefined && bytes === undefined) return undefined
    let state: CursorState | undefined
    let record: SubscriptionRecord
    let request: SubscriptionRequest
    try {
      state = mended?.get(key) ?? (bytes && decodeCursor(bytes))
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
    const cursor = new StoredCursor(key, id, state, this)
    this.#cursors.set(key, cursor)
    const isCopied = this.#records.get('copies', `s/${key}`) !== undefined
    if (mended !== undefined || !isCopied) {
      this.#putRules(key, value)
      cursor.changed()
    }
    return { id, cursor, request: { ...request, session }, ending }
  }

  /**
   * Sets aside a subscription whose rules cannot be used, with its cursor.
   *
   * @returns its loss
   */
  #unusable(
    key: string,
    { value, state, error }: { value: Uint8Array; state: CursorState | undefined; error: unknown },
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
    // A subscription that was refused at its creation is owed nothing.
    if (error instanceof InvalidPatternError && messages === 0) return undefined
    return unusableRules(key, messages)
  }
}

/** The name; for an unnamed subscription, its session. */
function keyOf({ name, session }: SubscriptionRequest): string | undefined {
  if (name !== undefined) return `n/${name}`
  return session === undefined ? undefined : UNNAMED + session
}
