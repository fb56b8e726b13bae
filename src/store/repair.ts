import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
  readdirSync,
  existsSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, StoreFullError } from '../errors.js'
import { DATA_FILE, LOCK_FILE } from './data-file.js'
import type { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { PageFile } from './page-file.js'
import { CHUNK_KEY, placeOfKey } from './chunk-record.js'
import { decodeDamages, encodeDamages, type Damage } from './damage.js'
import { readSnapshot, chunkAt, type BadEntry, type Snapshot } from './snapshot.js'
import { valueOf } from './tree-walk.js'
import { DAMAGES_KEY, tables, type StoreTransaction } from './store.js'

const FRESH = 'repair-'

/** Bytes in one transaction. */
const STEP_BYTES = 4 * 1024 * 1024

export interface RepairOptions {
  readonly folder: string
  readonly space: FreeSpace
  /** Checks the checksums of only those parts that a start looks at, unless all of it has to be written anew. */
  readonly isBrief: boolean
  /** It has to be written anew, after any result of the check. */
  readonly broken: string | undefined
}

export interface Repaired {
  readonly damages: readonly Damage[]
  /** The folder of the parts that were set aside; undefined if there were none. */
  readonly aside: string | undefined
  /** Why it was written anew. Undefined: the damaged parts were taken out. */
  readonly broken: string | undefined
}

/**
 * Keeps the whole parts and sets the damaged ones aside. Single records are taken out. A file that lmdb must not open
 * is written anew from everything in it that can be reached, and is kept itself. No other process may have the folder.
 *
 * @throws StoreDamagedError if it does not begin like a store; StoreFullError if there is no room to write it anew
 */
export async function repairStore({ folder, space, isBrief, broken }: RepairOptions): Promise<Repaired> {
  const file = new PageFile(join(folder, DATA_FILE))
  try {
    let found = readSnapshot(file, isBrief && broken === undefined)
    const why = broken ?? found.broken ?? (found.bad.every(canBeTakenOut) ? undefined : 'a key is damaged')
    if (why === undefined && found.damages.length === 0)
      return { damages: [], aside: undefined, broken: undefined }
    if (why !== undefined && isBrief && broken === undefined) found = readSnapshot(file, false)
    const aside = asideIn(folder)
    if (why === undefined) await takeOut(file, found, { folder, space, aside })
    else await writeAnew(file, found, { folder, space, aside })
    return { damages: found.damages, aside, broken: why }
  } finally {
    file.close()
  }
}

/** Removes leftovers of an interrupted repair or `compact`. The folder is locked. */
export function tidyFolder(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^(repair|compact)-[A-Za-z0-9]{6}$/.test(name))
      rmSync(join(folder, name), { recursive: true, force: true })
}

/**
 * Sets the file aside unchanged.
 *
 * @returns its new place
 */
export function setFileAside(folder: string): string {
  const aside = asideIn(folder)
  for (const name of [DATA_FILE, LOCK_FILE])
    if (existsSync(join(folder, name))) renameSync(join(folder, name), join(aside, name))
  return aside
}

interface Where {
  readonly folder: string
  readonly space: FreeSpace
  readonly aside: string
}

async function takeOut(
  file: PageFile,
  { bad, damages, records }: Snapshot,
  { folder, space, aside }: Where,
): Promise<void> {
  const pieces = bad.map(({ table, entry }) => ({
    table,
    key: entry.key.toString(table === 'chunks' ? 'hex' : 'utf8'),
    bytes: valueOf(file, entry)?.toString('base64'),
  }))
  writeFileSync(join(aside, 'pieces.ndjson'), pieces.map(piece => `${JSON.stringify(piece)}\n`).join(''))
  const before = records.get('meta')?.get(DAMAGES_KEY)
  const store = await LmdbStore.open({ folder, space })
  try {
    await store.transact(transaction => {
      for (const { table, entry } of bad) {
        if (table !== 'chunks') transaction.remove(table, entry.key.toString())
        else {
          const { log, first } = placeOfKey(entry.key)
          transaction.trim(log, first)
        }
      }
      note(transaction, damages, before)
    })
  } finally {
    await store.close()
  }
}

async function writeAnew(file: PageFile, found: Snapshot, { folder, space, aside }: Where): Promise<void> {
  const bytes = found.chunks.reduce((sum, { entry }) => sum + entry.size, 0)
  try {
    space.check(bytes / 2)
  } catch (error) {
    rmSync(aside, { recursive: true })
    throw new StoreFullError(
      `The store in ${folder} is damaged, and its whole parts cannot be written anew: ${describe(error)} Nothing was changed.`,
      { cause: error },
    )
  }
  const fresh = mkdtempSync(join(folder, FRESH))
  try {
    const store = await LmdbStore.open({ folder: fresh, space })
    try {
      await copyInto(store, file, found)
    } finally {
      await store.close()
    }
    keepFile(folder, aside)
    renameSync(join(fresh, DATA_FILE), join(folder, DATA_FILE))
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

async function copyInto(
  store: LmdbStore,
  file: PageFile,
  { records, chunks, damages }: Snapshot,
): Promise<void> {
  let step: ((transaction: StoreTransaction) => void)[] = []
  let bytes = 0
  const write = async (): Promise<void> => {
    const writes = step
    step = []
    bytes = 0
    await store.transact(transaction => {
      for (const each of writes) each(transaction)
    })
  }
  const add = async (size: number, each: (transaction: StoreTransaction) => void): Promise<void> => {
    step.push(each)
    bytes += size
    if (bytes >= STEP_BYTES) await write()
  }
  for (const table of tables)
    for (const [key, value] of records.get(table) ?? [])
      await add(value.length, transaction => transaction.put(table, key, value))
  for (const place of chunks) {
    const chunk = chunkAt(file, place)
    await add(chunk.bytes.length, transaction => transaction.append(chunk))
  }
  await add(0, transaction => note(transaction, damages, records.get('meta')?.get(DAMAGES_KEY)))
  await write()
}

/** By its key, as lmdb takes it from us. */
function canBeTakenOut({ table, entry: { key } }: BadEntry): boolean {
  if (table === 'chunks') return key.length === CHUNK_KEY && Number.isSafeInteger(placeOfKey(key).first)
  return (key[0] ?? 0) >= 32 && Buffer.from(key.toString()).equals(key)
}

/** So that the next host can name the subscriptions of these messages; includes earlier unreported damage. */
function note(
  transaction: StoreTransaction,
  damages: readonly Damage[],
  before: Uint8Array | undefined,
): void {
  if (damages.length === 0) return
  transaction.put('meta', DAMAGES_KEY, encodeDamages([...decodeDamages(before), ...damages]))
}

/** There is a file at every moment: a folder without one begins as a new store. */
function keepFile(folder: string, aside: string): void {
  const [from, to] = [join(folder, DATA_FILE), join(aside, DATA_FILE)]
  try {
    linkSync(from, to)
  } catch {
    renameSync(from, to)
  }
  const lock = join(folder, LOCK_FILE)
  if (existsSync(lock)) renameSync(lock, join(aside, LOCK_FILE))
}

/** A new folder for parts that are set aside. */
export function asideIn(folder: string): string {
  const aside = join(folder, `damaged-${new Date().toISOString().replaceAll(':', '-')}`)
  mkdirSync(aside)
  return aside
}
