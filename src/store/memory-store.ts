import { ClosedError } from '../errors.js'
import {
  FORMAT,
  tables,
  type Chunk,
  type Store,
  type StoreInfo,
  type StoreTransaction,
  type Table,
} from './store.js'

/** Forgets everything with its process: for tests, and to replay without a disk. */
export class MemoryStore implements Store {
  readonly kind = 'memory'
  readonly #logs = new Map<number, Chunk[]>()
  readonly #tables = new Map<Table, Map<string, Uint8Array>>(tables.map(table => [table, new Map()]))
  #isClosed = false

  async transact(collect: (transaction: StoreTransaction) => void): Promise<void> {
    if (this.#isClosed) throw new ClosedError('The store is closed.')
    const steps: (() => void)[] = []
    collect({
      append: chunk => steps.push(() => this.#append(chunk)),
      trim: (log, first) => steps.push(() => this.#trim(log, first)),
      put: (table, key, value) => steps.push(() => this.#table(table).set(key, value)),
      remove: (table, key) => steps.push(() => this.#table(table).delete(key)),
    })
    for (const step of steps) step()
    // Asynchronous like a disk.
    await Promise.resolve()
  }

  /** The process's memory is the limit. */
  checkRoom(): void {
    return
  }

  *scan(log: number, from: number): IterableIterator<Chunk> {
    const chunks = this.#logs.get(log) ?? []
    const holding = chunks.findLastIndex(({ first }) => first <= from)
    const holds = (chunks[holding]?.first ?? 0) + (chunks[holding]?.count ?? 0) > from
    yield* chunks.slice(holds ? Math.max(holding, 0) : holding + 1)
  }

  *scanBack(log: number, before = Infinity): IterableIterator<Chunk> {
    yield* (this.#logs.get(log) ?? []).filter(({ first }) => first < before).reverse()
  }

  get(table: Table, key: string): Uint8Array | undefined {
    return this.#table(table).get(key)
  }

  *records(table: Table, prefix = '', after = ''): IterableIterator<readonly [string, Uint8Array]> {
    const found = [...this.#table(table)].filter(([key]) => key.startsWith(prefix) && key > after)
    yield* found.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  info(): StoreInfo {
    const records = Object.fromEntries(tables.map(table => [table, this.#table(table).size]))
    return {
      kind: 'memory',
      format: FORMAT,
      fileBytes: 0,
      chunks: [...this.#logs.values()].reduce((sum, { length }) => sum + length, 0),
      records: records as Record<Table, number>,
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  #append(chunk: Chunk): void {
    const chunks = this.#logs.get(chunk.log)
    if (chunks === undefined) this.#logs.set(chunk.log, [chunk])
    else chunks.push(chunk)
  }

  #trim(log: number, first: number): void {
    const chunks = this.#logs.get(log) ?? []
    const at = chunks.findIndex(chunk => chunk.first === first)
    if (at >= 0) chunks.splice(at, 1)
  }

  #table(table: Table): Map<string, Uint8Array> {
    const records = this.#tables.get(table)
    if (records === undefined) throw new Error(`no table ${table}`)
    return records
  }
}
