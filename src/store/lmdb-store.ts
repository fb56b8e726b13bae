import { accessSync, constants, statSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database, RootDatabase } from 'lmdb'
import { ClosedError, describe, MsgvanError, StoreDamagedError, StoreError } from '../errors.js'
import { chunkKey, decodeChunk, encodeChunk, placeOfKey } from './chunk-record.js'
import { DATA_FILE } from './data-file.js'
import type { FreeSpace } from './free-space.js'
import { seal, unseal } from './sealed-record.js'
import {
  FORMAT,
  FORMAT_KEY,
  tables,
  type Chunk,
  type Store,
  type StoreInfo,
  type StoreTransaction,
  type Table,
} from './store.js'
import { makePrivate } from './private-files.js'

type Records = Database<Buffer, string>

export interface LmdbStoreOptions {
  readonly folder: string
  readonly space: FreeSpace
  readonly readOnly?: boolean
  /** A piece of a log is damaged: it is left out, and reported here once. Default: reading it throws. */
  readonly damaged?: (
    error: StoreDamagedError,
    place: { readonly log: number; readonly first: number },
  ) => void
  /** Called at the close: unlocks the folder. */
  readonly release?: () => Promise<void>
}

/** A folder on the disk. lmdb writes in a thread of its own; a transaction counts when it is synced. */
export class LmdbStore implements Store {
  readonly kind = 'lmdb'
  readonly #options: LmdbStoreOptions
  readonly #env: RootDatabase<Buffer, Buffer>
  readonly #chunks: Database<Buffer, Buffer>
  readonly #tables: ReadonlyMap<Table, Records>
  #closing: Promise<void> | undefined
  readonly #saidDamaged = new Set<string>()
  /** The identity of the file: another one, or none, may be in its place later. */
  readonly #file: Readonly<{ dev: number; ino: number }>
  /** The last transaction failed. */
  #isFailing = false
  /** Records of format 1 have no checksums. */
  #isSealed: boolean

  private constructor(env: RootDatabase<Buffer, Buffer>, options: LmdbStoreOptions) {
    this.#options = options
    this.#env = env
    this.#file = statSync(join(options.folder, DATA_FILE))
    this.#chunks = env.openDB<Buffer, Buffer>({ name: 'chunks', encoding: 'binary', keyEncoding: 'binary' })
    this.#tables = new Map(
      tables.map(table => [table, env.openDB<Buffer, string>({ name: table, encoding: 'binary' })]),
    )
    this.#isSealed = this.#table('meta').get(FORMAT_KEY)?.toString() !== '1'
  }

  /**
   * Loads lmdb: a host without a store never does.
   *
   * @throws lmdb's own error about the folder
   */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const { open } = await import('lmdb')
    const env = open<Buffer, Buffer>({
      path: options.folder,
      noSubdir: false,
      maxDbs: tables.length + 2,
      encoding: 'binary',
      keyEncoding: 'binary',
      // A commit is synced before it counts, and fails as a whole: never noSync, useWritemap or an overlapping sync.
      overlappingSync: false,
      separateFlushed: true,
      // Transactions are batches already. A batch around them has a promise that no caller gets, and that nothing
      // handles when a commit fails.
      eventTurnBatching: false,
      // The write thread begins when the transaction is put together, not a turn of the event loop later. (Missing in
      // lmdb's types.)
      ...{ txnStartThreshold: 1 },
      readOnly: options.readOnly === true,
    })
    // The umask decides about the mode of lmdb's files.
    if (options.readOnly !== true) makePrivate(options.folder)
    return new LmdbStore(env, options)
  }

  async transact(collect: (transaction: StoreTransaction) => void): Promise<void> {
    if (this.#closing !== undefined) throw new ClosedError('The store is closed.')
    const writes: (() => void)[] = []
    let bytes = 0
    collect({
      append: chunk => {
        const record = encodeChunk(chunk)
        bytes += record.length
        writes.push(() => contained(this.#chunks.put(chunkKey(chunk.log, chunk.first), record)))
      },
      trim: (log, first) => writes.push(() => contained(this.#chunks.remove(chunkKey(log, first)))),
      put: (table, key, value) => {
        const record = seal(table, key, value)
        bytes += record.length
        writes.push(() => contained(this.#table(table).put(key, record)))
      },
      remove: (table, key) => writes.push(() => contained(this.#table(table).remove(key))),
    })
    if (writes.length === 0) return
    try {
      if (this.#options.readOnly !== true) this.#options.space.checkAll(bytes)
      this.#checkFile()
      if (this.#isFailing) await tryDisk(this.#options.folder)
      this.#isFailing = false
      const committed = this.#env.batch(() => {
        for (const write of writes) write()
      })
      contained(committed)
      await committed
      await (committed as { flushed?: Promise<unknown> }).flushed
      this.#checkFile()
    } catch (error) {
      throw await this.#failure(error)
    }
  }

  checkRoom(bytes: number): void {
    this.#options.space.check(bytes)
  }

  *scan(log: number, from: number): IterableIterator<Chunk> {
    const [before] = this.#range({
      start: chunkKey(log, from),
      end: chunkKey(log, 0),
      reverse: true,
      limit: 1,
    })
    // An end is not part of a range, so a chunk that begins with 0 would be missed; sequences begin with 1.
    const holding = before !== undefined && before.first + before.count > from ? before.first : from
    yield* this.#range({ start: chunkKey(log, holding), end: chunkKey(log + 1, 0) })
  }

  *scanBack(log: number, before = Infinity): IterableIterator<Chunk> {
    const start = before === Infinity ? chunkKey(log + 1, 0) : chunkKey(log, Math.max(before - 1, 0))
    yield* this.#range({ start, end: chunkKey(log, 0), reverse: true })
  }

  get(table: Table, key: string): Uint8Array | undefined {
    const record = this.#table(table).get(key)
    return record && this.#value(table, key, record)
  }

  *records(table: Table, prefix = '', after = prefix): IterableIterator<readonly [string, Uint8Array]> {
    for (const { key, value } of this.#table(table).getRange({ start: after })) {
      if (!key.startsWith(prefix)) return
      if (after !== prefix && key === after) continue
      yield [key, this.#value(table, key, value)]
    }
  }

  /** Undefined before the first write. */
  get format(): number | undefined {
    const format = this.get('meta', FORMAT_KEY)
    return format && Number(Buffer.from(format).toString())
  }

  /** Gives it this version's format. */
  async renew(): Promise<void> {
    const old = this.#isSealed ? [] : tables.map(table => [table, [...this.records(table)]] as const)
    this.#isSealed = true
    await this.transact(transaction => {
      for (const [table, records] of old)
        for (const [key, value] of records) transaction.put(table, key, value)
      transaction.put('meta', FORMAT_KEY, Buffer.from(String(FORMAT)))
    })
  }

  /**
   * Goes along all trees, without reading the contents of the messages' pieces: a wrong pointer may end the process.
   *
   * @throws StoreDamagedError if an entry is missing
   */
  walk(): void {
    for (const [name, tree] of [['messages', this.#chunks] as const, ...this.#tables]) {
      // Opened for reading only, an older store lacks the trees of later versions.
      if ((tree as Records | undefined) === undefined) continue
      const found = tree.getKeysCount()
      const { entryCount } = tree.getStats() as { readonly entryCount: number }
      if (found !== entryCount)
        throw new StoreDamagedError(
          `Of the store's ${name} only ${found} of ${entryCount} entries are found.`,
        )
    }
  }

  info(): StoreInfo {
    const { folder } = this.#options
    const records = Object.fromEntries(tables.map(table => [table, this.#table(table).getCount()]))
    return {
      kind: 'lmdb',
      folder,
      format: this.format ?? FORMAT,
      fileBytes: statSync(join(folder, DATA_FILE)).size,
      chunks: this.#chunks.getCount(),
      records: records as Record<Table, number>,
    }
  }

  /** A copy without the freed room, into an existing empty folder. */
  async copyTo(folder: string): Promise<void> {
    await this.#env.backup(folder, true)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.#env.close()
    } finally {
      await this.#options.release?.()
    }
  }

  *#range(options: {
    start: Buffer
    end: Buffer
    reverse?: boolean
    limit?: number
  }): IterableIterator<Chunk> {
    for (const { key, value } of this.#chunks.getRange(options)) {
      const chunk = this.#decode(key, value)
      if (chunk !== undefined) yield chunk
    }
  }

  #decode(key: Buffer, value: Buffer): Chunk | undefined {
    try {
      return decodeChunk(key, value)
    } catch (error) {
      const { damaged } = this.#options
      if (!(error instanceof StoreDamagedError) || damaged === undefined) throw error
      const id = key.toString('hex')
      if (this.#saidDamaged.has(id)) return undefined
      this.#saidDamaged.add(id)
      damaged(error, placeOfKey(key))
      return undefined
    }
  }

  #table(table: Table): Records {
    const records = this.#tables.get(table)
    if (records === undefined) throw new Error(`no table ${table}`)
    return records
  }

  #value(table: Table, key: string, record: Buffer): Buffer {
    return this.#isSealed ? unseal(table, key, record) : record
  }

  /**
   * lmdb goes on writing into a deleted file, and may end the process if it cannot write: checked before each
   * transaction, and once more when it is on the disk.
   */
  #checkFile(): void {
    const path = join(this.#options.folder, DATA_FILE)
    const { dev, ino } = statSync(path)
    if (dev !== this.#file.dev || ino !== this.#file.ino) throw new Error('another file is in its place')
    accessSync(path, constants.W_OK)
  }

  /** lmdb reports the error in a promise of its own. */
  async #failure(error: unknown): Promise<Error> {
    if (error instanceof MsgvanError) return error
    this.#isFailing = true
    const cause: unknown = await commitErrorOf(error)
    this.#options.space.forget()
    return new StoreError(
      `The store in ${this.#options.folder} could not be written (${describe(cause)}). Nothing of it was accepted; publish again.`,
      { cause },
    )
  }
}

/** A failed write may damage lmdb's own memory, so this tries the disk without lmdb first. */
async function tryDisk(folder: string): Promise<void> {
  const path = join(folder, 'try-disk')
  try {
    await writeFile(path, Buffer.alloc(8_192), { flush: true })
  } finally {
    await rm(path, { force: true })
  }
}

/**
 * A failed commit also rejects a promise that only the error knows (lmdb-js issue 368). Unhandled, it would end the
 * process.
 */
function contained(write: Promise<unknown>): void {
  write.catch((error: unknown) => {
    const { commitError } = error as { commitError?: Promise<unknown> }
    commitError?.catch(() => undefined)
  })
}

/** lmdb may never report it: then the error itself has to do. */
async function commitErrorOf(error: unknown): Promise<unknown> {
  const { commitError } = (error ?? {}) as { commitError?: Promise<unknown> }
  if (commitError === undefined) return error
  const turn = new Promise<unknown>(resolve => setImmediate(() => resolve(error)))
  return Promise.race([
    commitError.then(
      () => error,
      (cause: unknown) => cause,
    ),
    turn,
  ])
}
