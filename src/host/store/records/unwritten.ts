import type { StoreTransaction, Table } from '../../../store/store.js'
import type { VanRecords } from './van-records.js'

/** Changes of a table that are not on the disk yet, by key; undefined: the record is removed. */
export class Unwritten<T> {
  readonly #records: VanRecords
  readonly #table: Table
  readonly #encode: (value: T) => Uint8Array
  #news = new Map<string, T | undefined>()
  /** In the transaction that is being written. */
  #flying: ReadonlyMap<string, T | undefined> = new Map()

  constructor(records: VanRecords, table: Table, encode: (value: T) => Uint8Array) {
    this.#records = records
    this.#table = table
    this.#encode = encode
  }

  has(key: string): boolean {
    return this.#news.has(key) || this.#flying.has(key)
  }

  get(key: string): T | undefined {
    return this.#news.has(key) ? this.#news.get(key) : this.#flying.get(key)
  }

  set(key: string, value: T | undefined): void {
    if (this.#records.isFrozen) return
    this.#news.set(key, value)
    this.#records.changed()
  }

  /** The present records that are not on the disk. */
  *all(): Generator<[key: string, value: T]> {
    for (const [key, value] of this.#flying)
      if (value !== undefined && !this.#news.has(key)) yield [key, value]
    for (const [key, value] of this.#news) if (value !== undefined) yield [key, value]
  }

  /** @returns a function for the outcome; if it is not written, that returns the changes that nothing changed since */
  collect(transaction: StoreTransaction): (isWritten: boolean) => [key: string, value: T | undefined][] {
    const flying = this.#news
    this.#news = new Map()
    this.#flying = flying
    const { prefix } = this.#records
    for (const [key, value] of flying)
      if (value === undefined) transaction.remove(this.#table, prefix + key)
      else transaction.put(this.#table, prefix + key, this.#encode(value))
    return isWritten => {
      this.#flying = new Map()
      return isWritten ? [] : [...flying].filter(([key]) => !this.#news.has(key))
    }
  }
}
