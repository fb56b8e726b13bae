/** What is kept beside the logs: small records, each under a key of its own. */
export const tables = [
  'meta',
  'logs',
  'subscriptions',
  'books',
  'publishers',
  'seen',
  'letters',
  'owed',
  'handlers',
  'actors',
  'copies',
] as const
export type Table = (typeof tables)[number]

/** Messages that follow each other in one log, as one piece: what the store writes, reads and trims. */
export interface Chunk {
  /** A van's number. */
  readonly log: number
  /** Sequence of the first message in it. */
  readonly first: number
  /** How many messages. Their sequences follow each other. */
  readonly count: number
  /** Milliseconds since the epoch, by the host's clock. */
  readonly writtenAt: number
  /** The store never looks into them. */
  readonly bytes: Uint8Array
}

/** Collects what is to be written together. */
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
  /** Where it lies. */
  readonly folder?: string
  readonly format: number
  /** Bytes on the disk, room for further writes included. */
  readonly fileBytes: number
  readonly chunks: number
  readonly records: Readonly<Record<Table, number>>
}

/**
 * Keeps what a host owes. One writer; what is read is what was committed. All reads are synchronous: they look into mapped
 * memory.
 */
export interface Store {
  readonly kind: 'memory' | 'lmdb'
  /**
   * All of it or nothing. Resolves when it is on the disk; transactions take effect in the order of the calls, and those that
   * come while one is written are written together.
   *
   * @throws StoreError as a rejection; nothing of it was written then
   */
  transact(collect: (transaction: StoreTransaction) => void): Promise<void>
  /**
   * Asked before so many bytes of messages are taken over. What settles messages is written also below the floor.
   * @throws StoreFullError
   */
  checkRoom(bytes: number): void
  /**
   * The chunks of a log in order, from the one that holds sequence `from`, or else the first after it.
   * What is not what was written is left out and said, or thrown as a StoreDamagedError: as the store was told.
   */
  scan(log: number, from: number): IterableIterator<Chunk>
  /** The same backwards, from the last chunk that begins before this sequence. Default: from the last one. */
  scanBack(log: number, before?: number): IterableIterator<Chunk>
  get(table: Table, key: string): Uint8Array | undefined
  /** In the order of their keys. */
  records(table: Table, prefix?: string): IterableIterator<readonly [key: string, value: Uint8Array]>
  info(): StoreInfo
  /** Waits for what is being written. */
  close(): Promise<void>
}

/** Raised with every change after which an older msgvan would misread a store. */
export const FORMAT = 3

/** In `meta`. */
export const FORMAT_KEY = 'format'
/** In `meta`: what was added to the host's capabilities, and taken away, while it ran. */
export const CAPABILITIES_KEY = 'capabilities'

/** In `meta`: of which van a log is, once more, by its number. */
export const LOG_COPY = 'log/'
/** In `meta`: what was set aside since a host last read the store. */
export const DAMAGES_KEY = 'damages'

export interface TrimRule {
  /** Only chunks all of whose messages are at or before this sequence: nobody is owed them. */
  readonly through: number
  /** Of those: whatever was written before this time … */
  readonly writtenBefore: number
  /** … or is among the oldest of so many bytes too much. */
  readonly excessBytes: number
}

/** A trim in small steps never holds up what is published meanwhile. */
const TRIM_STEP = 64

/**
 * Which chunks at the beginning of a log may go, at most a small step of them.
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
