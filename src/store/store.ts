/** Below this much free room nothing more is written: a really full disk breaks more than this store. */
export const DEFAULT_FLOOR = 64 * 1024 * 1024

/** The tables beside the logs: small records, each under a key of its own. */
export const tables = [
  'meta',
  'logs',
  'subscriptions',
  'books',
  'publishers',
  'seen',
  'letters',
  'owed',
  'delayed',
  'ids',
  'handlers',
  'actors',
  'copies',
  'states',
] as const
export type Table = (typeof tables)[number]

/** Consecutive messages of one log in one piece: the store writes, reads and trims pieces. */
export interface Chunk {
  /** A van's number. */
  readonly log: number
  /** Sequence of its first message. */
  readonly first: number
  /** The number of messages. Their sequences are consecutive. */
  readonly count: number
  /** Milliseconds since the epoch, by the host's clock. */
  readonly writtenAt: number
  /** The store never looks into them. */
  readonly bytes: Uint8Array
}

/** Collects writes for one transaction. */
export interface StoreTransaction {
  /** At the end of its log. */
  append(chunk: Chunk): void
  /** Removes the chunk that begins with this sequence. */
  trim(log: number, first: number): void
  /** @param key at most 1,900 bytes in UTF-8 */
  put(table: Table, key: string, value: Uint8Array): void
  remove(table: Table, key: string): void
}

export interface StoreInfo {
  readonly kind: 'memory' | 'lmdb'
  /** Its place. */
  readonly folder?: string
  readonly format: number
  /** Bytes on the disk, room for further writes included. */
  readonly fileBytes: number
  readonly chunks: number
  readonly records: Readonly<Record<Table, number>>
}

/**
 * Keeps a host's messages and records. One writer; a read returns committed data. All reads are synchronous: they look
 * into mapped memory.
 */
export interface Store {
  readonly kind: 'memory' | 'lmdb'
  /**
   * All or nothing. Resolves when it is on the disk. Transactions take effect in the order of the calls; those that
   * come while one is written are written together.
   *
   * @throws StoreError as a rejection; then nothing of it was written
   */
  transact(collect: (transaction: StoreTransaction) => void): Promise<void>
  /**
   * Call it before messages of this size are accepted. Verdicts are written also below the floor.
   *
   * @throws StoreFullError
   */
  checkRoom(bytes: number): void
  /**
   * The chunks of a log in order, from the one that holds sequence `from`, or else the first after it. A damaged one is
   * left out and reported, or thrown as a StoreDamagedError, by the store's options.
   */
  scan(log: number, from: number): IterableIterator<Chunk>
  /** The same backwards, from the last chunk that begins before this sequence. Default: from the last one. */
  scanBack(log: number, before?: number): IterableIterator<Chunk>
  get(table: Table, key: string): Uint8Array | undefined
  /** In the order of their keys. @param after leaves out this key, and all before it */
  records(
    table: Table,
    prefix?: string,
    after?: string,
  ): IterableIterator<readonly [key: string, value: Uint8Array]>
  info(): StoreInfo
  /** Waits for the running write. */
  close(): Promise<void>
}

/** Raised with every change that an older msgvan would misread. */
export const FORMAT = 3

/** In `meta`. */
export const FORMAT_KEY = 'format'
/** In `meta`: the capabilities that were added and removed while the host ran. */
export const CAPABILITIES_KEY = 'capabilities'

/** In `meta`: a restarted host's standing with its leader, for the next one. */
export const STANDING_KEY = 'standing'

/** In `meta`: a copy of the van of a log, by the log's number. */
export const LOG_COPY = 'log/'
/** In `meta`: the parts that were set aside since a host last read the store. */
export const DAMAGES_KEY = 'damages'

export interface TrimRule {
  /** Only chunks whose messages are all at or before this sequence: no subscription is owed them. */
  readonly through: number
  /** Of those: chunks that were written before this time … */
  readonly writtenBefore: number
  /** … or are among the oldest of this many bytes too much. */
  readonly excessBytes: number
}

/** A trim in small steps never holds up publishes. */
const TRIM_STEP = 64

/**
 * The chunks at the beginning of a log that may go, at most a small step of them.
 *
 * @returns the first sequence of each, and their bytes
 */
export function trimmable(
  store: Pick<Store, 'scan'>,
  log: number,
  { through, writtenBefore, excessBytes }: TrimRule,
): { firsts: number[]; bytes: number } {
  const firsts: number[] = []
  let bytes = 0
  for (const chunk of store.scan(log, 0)) {
    const isSettled = chunk.first + chunk.count - 1 <= through
    const isDue = chunk.writtenAt < writtenBefore || bytes < excessBytes
    if (!isSettled || !isDue || firsts.length === TRIM_STEP) break
    firsts.push(chunk.first)
    bytes += chunk.bytes.length
  }
  return { firsts, bytes }
}
