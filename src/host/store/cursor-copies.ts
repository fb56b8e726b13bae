import type { StoreTransaction } from '../../store/store.js'
import type { StoredCursor } from './stored-cursor.js'

/** The greatest age of a cursor's copy. */
const COPY_EVERY_MS = 1_000

const RULES = 's/'
const BOOK = 'b/'

/**
 * Each subscription's rules and cursor once more, in another place of the disk. Without its cursor a subscription would
 * get the whole log again, and without its rules it would be gone. Cursors change with every transaction; this copies
 * them once a second.
 */
export class CursorCopies {
  readonly #prefix: string
  readonly #stale = new Set<StoredCursor>()
  #copiedAt = -Infinity

  /**
   * @param prefix of all records of this log
   */
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

  forget(cursor: StoredCursor): void {
    this.#stale.delete(cursor)
  }

  /**
   * @returns a function for the outcome of the transaction
   */
  collect(transaction: StoreTransaction, changed: readonly StoredCursor[]): (isWritten: boolean) => void {
    for (const cursor of changed) this.#stale.add(cursor)
    const now = performance.now()
    if (this.#stale.size === 0 || now - this.#copiedAt < COPY_EVERY_MS) return () => undefined
    const copied = [...this.#stale]
    this.#stale.clear()
    this.#copiedAt = now
    for (const cursor of copied)
      transaction.put('copies', `${this.#prefix}${BOOK}${cursor.key ?? ''}`, cursor.encode())
    return isWritten => {
      if (!isWritten) for (const cursor of copied) this.#stale.add(cursor)
    }
  }
}

/** The copies of a log, by the subscriptions' keys. */
export function copiesIn(
  records: Iterable<readonly [key: string, value: Uint8Array]>,
  prefix: string,
): { rules: Map<string, Uint8Array>; cursors: Map<string, Uint8Array> } {
  const rules = new Map<string, Uint8Array>()
  const cursors = new Map<string, Uint8Array>()
  for (const [fullKey, value] of records) {
    const key = fullKey.slice(prefix.length)
    if (key.startsWith(RULES)) rules.set(key.slice(RULES.length), value)
    else cursors.set(key.slice(BOOK.length), value)
  }
  return { rules, cursors }
}
