import type { StoreTransaction } from '../../store/store.js'
import type { KeptBook } from './kept-book.js'

/** So old a copy of a book may be. */
const COPY_EVERY_MS = 1_000

const RULES = 's/'
const BOOK = 'b/'

/**
 * Each subscription's rules and book once more, in another place of the disk: without its book a subscription would be handed all
 * that is kept again, and without its rules it would be gone. Books change with every transaction; they are copied once a second.
 */
export class BookCopies {
  readonly #prefix: string
  readonly #stale = new Set<KeptBook>()
  #copiedAt = -Infinity

  /** @param prefix of all that is of this log */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  putRules(transaction: StoreTransaction, key: string, rules: Uint8Array): void {
    transaction.put('copies', this.#prefix + RULES + key, rules)
  }

  remove(transaction: StoreTransaction, key: string): void {
    transaction.remove('copies', this.#prefix + RULES + key)
    transaction.remove('copies', this.#prefix + BOOK + key)
  }

  forget(book: KeptBook): void {
    this.#stale.delete(book)
  }

  /** @returns what to call with how the transaction ended */
  collect(transaction: StoreTransaction, changed: readonly KeptBook[]): (isWritten: boolean) => void {
    for (const book of changed) this.#stale.add(book)
    const now = performance.now()
    if (this.#stale.size === 0 || now - this.#copiedAt < COPY_EVERY_MS) return () => undefined
    const copied = [...this.#stale]
    this.#stale.clear()
    this.#copiedAt = now
    for (const book of copied)
      transaction.put('copies', `${this.#prefix}${BOOK}${book.key ?? ''}`, book.encode())
    return isWritten => {
      if (!isWritten) for (const book of copied) this.#stale.add(book)
    }
  }
}

/** What was copied of a log, by the subscriptions' keys. */
export function copiesIn(
  records: Iterable<readonly [key: string, value: Uint8Array]>,
  prefix: string,
): { rules: Map<string, Uint8Array>; books: Map<string, Uint8Array> } {
  const rules = new Map<string, Uint8Array>()
  const books = new Map<string, Uint8Array>()
  for (const [fullKey, value] of records) {
    const key = fullKey.slice(prefix.length)
    if (key.startsWith(RULES)) rules.set(key.slice(RULES.length), value)
    else books.set(key.slice(BOOK.length), value)
  }
  return { rules, books }
}
