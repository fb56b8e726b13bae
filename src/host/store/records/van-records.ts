import type { Store, StoreTransaction, Table } from '../../../store/store.js'
import type { Unusable } from '../set-aside.js'

export type Write = (transaction: StoreTransaction) => void

export interface VanRecordsOptions {
  readonly store: Store
  /** The van's number in the store: it begins the key of each record. */
  readonly number: number
  /** A record cannot be used: it is set aside. */
  readonly unusable: (record: Unusable) => void
  /** There is something to write. */
  readonly changed: () => void
}

/** The records of one van in the store. Writes go into the next transaction, in order. */
export class VanRecords {
  /** Begins the key of each record of this van. */
  readonly prefix: string
  readonly #options: VanRecordsOptions
  #writes: Write[] = []
  #lastNumber = 0
  #isFrozen = false

  constructor(options: VanRecordsOptions) {
    this.#options = options
    this.prefix = `${options.number}/`
  }

  get isFrozen(): boolean {
    return this.#isFrozen
  }

  /** Writes nothing more: the host ends, and its messages stay. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** The committer collects the changes. */
  changed(): void {
    if (!this.#isFrozen) this.#options.changed()
  }

  write(write: Write): void {
    if (this.#isFrozen) return
    this.#writes.push(write)
    this.#options.changed()
  }

  put(table: Table, key: string, value: Uint8Array): void {
    this.write(t => t.put(table, this.prefix + key, value))
  }

  remove(table: Table, key: string): void {
    this.write(t => t.remove(table, this.prefix + key))
  }

  /**
   * Writes all into the transaction.
   *
   * @returns a function that keeps them for the next one, if this one fails
   */
  collect(transaction: StoreTransaction): () => void {
    const writes = this.#writes
    this.#writes = []
    for (const write of writes) write(transaction)
    return () => {
      this.#writes = [...writes, ...this.#writes]
    }
  }

  get(table: Table, key: string): Uint8Array | undefined {
    return this.#options.store.get(table, this.prefix + key)
  }

  /** The records of a table, by their keys without the prefix. */
  *all(table: Table): Generator<[key: string, value: Uint8Array]> {
    for (const [key, value] of this.#options.store.records(table, this.prefix))
      yield [key.slice(this.prefix.length), value]
  }

  /** The records of a table behind a key, without the prefix. */
  *after(table: Table, prefix: string, after: string): Generator<[key: string, value: Uint8Array]> {
    const all = this.#options.store.records(table, this.prefix + prefix, this.prefix + after)
    for (const [key, value] of all) yield [key.slice(this.prefix.length), value]
  }

  /** Reads each record of a table, and sets aside those that cannot be used. */
  each(table: Table, read: (key: string, value: Uint8Array) => void): void {
    for (const [key, value] of [...this.all(table)]) {
      try {
        read(key, value)
      } catch (error) {
        this.#options.unusable({ table, key: this.prefix + key, value, error })
      }
    }
  }

  setAside(record: Unusable): void {
    this.#options.unusable(record)
  }

  /** This record has that number: new ones get higher ones. */
  numberOf(key: string): number {
    const number = Number(key)
    this.#lastNumber = Math.max(this.#lastNumber, number)
    return number
  }

  newKey(): string {
    this.#lastNumber += 1
    return padded(this.#lastNumber)
  }
}

/** Keys sort as text in the order of their numbers. */
export function padded(number: number): string {
  return String(number).padStart(16, '0')
}
