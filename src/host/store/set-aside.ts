import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from '../../errors.js'
import { asideIn } from '../../store/repair.js'
import type { Store, Table } from '../../store/store.js'

/** A whole record that this version cannot use. */
export interface Unusable {
  readonly table: Table
  readonly key: string
  readonly value: Uint8Array
  readonly error: unknown
  /** Keys of records that are useless without it. */
  readonly with?: readonly (readonly [table: Table, key: string])[]
}

/**
 * An unusable record never keeps a host from starting: it goes to a folder beside the store, like damaged pieces, and
 * the host logs it.
 */
export class SetAside {
  readonly #store: Store
  readonly #warn: (text: string) => void
  #folder: string | undefined

  constructor(store: Store, warn: (text: string) => void) {
    this.#store = store
    this.#warn = warn
  }

  add({ table, key, value, error, with: others = [] }: Unusable): void {
    const what = `a record of the store (${table} ${key}) cannot be used: ${describe(error)}`
    try {
      const where = this.#keep({ table, key, bytes: Buffer.from(value).toString('base64') })
      this.#warn(`${what} It is left out${where === undefined ? '' : `, and kept in ${where}`}`)
    } catch (failure) {
      // It stays in the store, and the next host logs it again.
      this.#warn(`${what} It is left out. It cannot be set aside: ${describe(failure)}`)
      return
    }
    void this.#store
      .transact(transaction => {
        for (const [of, record] of [[table, key] as const, ...others]) transaction.remove(of, record)
      })
      .catch(() => undefined)
  }

  #keep(piece: object): string | undefined {
    const { folder } = this.#store.info()
    if (folder === undefined) return undefined
    this.#folder ??= asideIn(folder)
    appendFileSync(join(this.#folder, 'pieces.ndjson'), `${JSON.stringify(piece)}\n`, { mode: 0o600 })
    return this.#folder
  }
}
