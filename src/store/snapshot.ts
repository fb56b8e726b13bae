import { describe, StoreDamagedError } from '../errors.js'
import { CHUNK_HEAD, CHUNK_KEY, countOf, decodeChunk, placeOfKey } from './chunk-record.js'
import type { Damage, TreeName } from './damage.js'
import type { PageFile } from './page-file.js'
import { unseal } from './sealed-record.js'
import { readTrees } from './snapshot-trees.js'
import { FORMAT_KEY, tables, type Chunk, type Table } from './store.js'
import { isLost, valueOf, type Entry, type Lost, type Walked } from './tree-walk.js'

/** Of the newest messages in each log: a sudden end may have torn the last writes. */
const BRIEF_BYTES = 16 * 1024 * 1024

/** An entry of the messages' tree, and the place of its chunk. */
export interface ChunkPlace {
  readonly log: number
  readonly first: number
  readonly entry: Entry
}

interface LostChunk extends Lost {
  /** From its key. */
  readonly place?: ChunkPlace | undefined
}

/** The result of one transaction of a store, read from its file without lmdb. */
export interface Snapshot {
  readonly records: ReadonlyMap<Table, ReadonlyMap<string, Uint8Array>>
  /** In order. */
  readonly chunks: readonly ChunkPlace[]
  readonly damages: readonly Damage[]
  /** Reachable entries that are damaged. */
  readonly bad: readonly BadEntry[]
  /** Why lmdb must not open this file. Undefined: at most some values are damaged. */
  readonly broken: string | undefined
}

export interface BadEntry {
  readonly table: TreeName
  readonly entry: Entry
}

/** The faults of the file. */
interface Wrong {
  readonly damages: Damage[]
  readonly bad: BadEntry[]
}

/**
 * Reads through the result of the newest transaction.
 *
 * @param isBrief checks the checksums of only the newest messages
 * @throws StoreDamagedError if it does not begin like a store
 */
export function readSnapshot(file: PageFile, isBrief: boolean): Snapshot {
  const { items, broken, doubt } = readTrees(file)
  const wrong: Wrong = { damages: [], bad: [] }
  if (doubt !== undefined) wrong.damages.push({ table: 'meta', why: doubt })
  const records = new Map<Table, Map<string, Uint8Array>>()
  const isSealed = !isOfFirstFormat(file, items.get('meta') ?? [])
  for (const table of tables)
    records.set(table, recordsOf(file, table, items.get(table) ?? [], isSealed, wrong))
  const chunks = chunksOf(file, items.get('chunks') ?? [], isBrief, wrong)
  return { records, chunks, ...wrong, broken }
}

/** @throws StoreDamagedError */
export function chunkAt(file: PageFile, { entry }: ChunkPlace): Chunk {
  return decodeChunk(entry.key, valueOf(file, entry) ?? Buffer.alloc(0))
}

function isOfFirstFormat(file: PageFile, meta: Walked['items']): boolean {
  return meta.some(
    item => !isLost(item) && item.key.toString() === FORMAT_KEY && valueOf(file, item)?.toString() === '1',
  )
}

function recordsOf(
  file: PageFile,
  table: Table,
  items: Walked['items'],
  isSealed: boolean,
  { damages, bad }: Wrong,
): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>()
  for (const item of items) {
    if (isLost(item)) {
      damages.push({ table, why: item.why })
      continue
    }
    // A cursor shows where its log ended: an older one would count as the last. Its copy is known to be older.
    if (item.isOlder === true && table === 'books') continue
    const key = item.key.toString()
    const record = valueOf(file, item)
    try {
      if (record === undefined) throw new StoreDamagedError('It is not all there.')
      if (!records.has(key)) records.set(key, isSealed ? unseal(table, key, record) : record)
    } catch (error) {
      damages.push({ table, key, why: describe(error) })
      bad.push({ table, entry: item })
    }
  }
  return records
}

function chunksOf(
  file: PageFile,
  items: Walked['items'],
  isBrief: boolean,
  { damages, bad }: Wrong,
): ChunkPlace[] {
  const looked = new Map<number, number>()
  const places: (ChunkPlace | LostChunk)[] = []
  const whyNot = (place: ChunkPlace): string | undefined => {
    const bytes = looked.get(place.log) ?? 0
    if (place.entry.size >= 0 && isBrief && bytes > BRIEF_BYTES) return undefined
    looked.set(place.log, bytes + place.entry.size)
    try {
      chunkAt(file, place)
      return undefined
    } catch (error) {
      return describe(error)
    }
  }
  for (const item of [...items].reverse()) {
    if (isLost(item)) {
      places.push(item)
      continue
    }
    const place = item.key.length === CHUNK_KEY ? { ...placeOfKey(item.key), entry: item } : undefined
    const why = place === undefined ? 'a key is damaged' : whyNot(place)
    if (place !== undefined && why === undefined) places.push(place)
    else {
      places.push({ why: why ?? '', place })
      bad.push({ table: 'chunks', entry: item })
    }
  }
  places.reverse()
  nameLost(file, places, damages)
  const found = places
    .filter(place => 'log' in place)
    .sort((a, b) => Buffer.compare(a.entry.key, b.entry.key))
  return found.filter(
    (place, at) => at === 0 || !place.entry.key.equals(found[at - 1]?.entry.key ?? place.entry.key),
  )
}

/** The keys of lost messages identify them, or else their neighbours. */
function nameLost(file: PageFile, places: readonly (ChunkPlace | LostChunk)[], damages: Damage[]): void {
  const after: (ChunkPlace | undefined)[] = []
  let next: ChunkPlace | undefined
  for (let at = places.length - 1; at >= 0; at -= 1) {
    const place = places[at]
    if (place === undefined) continue
    after[at] = next
    if ('log' in place) next = place
  }
  let before: ChunkPlace | undefined
  const add = (damage: Omit<Damage, 'table'>): unknown => damages.push({ table: 'chunks', ...damage })
  places.forEach((place, at) => {
    if ('log' in place) {
      before = place
      return
    }
    const { why, place: own } = place
    const next = after[at]
    const bound = (log: number): { before?: number } => (next?.log === log ? { before: next.first } : {})
    if (own !== undefined && isBetween(before, own, next)) {
      add({ why, log: own.log, first: own.first, ...bound(own.log) })
      return
    }
    const first = before && endOf(file, before)
    if (before !== undefined && before.log === next?.log && (first ?? 0) >= next.first) return
    if (before !== undefined) add({ why, log: before.log, first: first ?? 0, ...bound(before.log) })
    if (next !== undefined && next.log !== before?.log)
      add({ why, log: next.log, first: 0, before: next.first })
    if (before === undefined && next === undefined) add({ why })
  })
}

function isBetween(
  before: ChunkPlace | undefined,
  { entry }: ChunkPlace,
  after: ChunkPlace | undefined,
): boolean {
  return (
    (before === undefined || Buffer.compare(before.entry.key, entry.key) < 0) &&
    (after === undefined || Buffer.compare(entry.key, after.entry.key) < 0)
  )
}

/** The place after its last message. */
function endOf(file: PageFile, { first, entry: { page, offset, size } }: ChunkPlace): number {
  const head = file.read(page, Math.min(size, CHUNK_HEAD), offset)
  return first + (head?.length === CHUNK_HEAD ? countOf(head) : 0)
}
