import { accessSync, constants, existsSync, mkdirSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, MsgvanError, StoreError, StoreFormatError } from '../errors.js'
import { probe } from './probe.js'
import { DATA_FILE, whatIsWrongInFile } from './data-file.js'
import { lockFolder } from './folder-lock.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { FORMAT, FORMAT_KEY, OPEN_KEY } from './store.js'

export interface OpenStoreOptions {
  /** Bytes of free room on the disk below which nothing more is written. Default 64 MiB. */
  readonly floor?: number | undefined
  /** What an operator should know: a damaged store was set aside. */
  readonly warn: (text: string) => void
}

const LOCK_FILE = 'lock.mdb'

/**
 * Opens the store in a folder, making it where there is none. One that is damaged is kept aside, said, and a new one begun.
 *
 * @throws StoreInUseError, StoreFormatError (of a newer msgvan), StoreError (no rights, not a folder …)
 */
export async function openStore(path: string, options: OpenStoreOptions): Promise<LmdbStore> {
  const folder = resolve(path)
  prepareFolder(folder)
  const release = await lockFolder(folder)
  try {
    return await openLocked(folder, release, options)
  } catch (error) {
    await release()
    throw error instanceof MsgvanError ? error : unusable(folder, error)
  }
}

async function openLocked(
  folder: string,
  release: () => Promise<void>,
  { floor, warn }: OpenStoreOptions,
): Promise<LmdbStore> {
  const wrong = await whatIsWrongIn(folder)
  if (wrong !== undefined) warn(setAside(folder, wrong))
  const space = new FreeSpace(folder, floor)
  const store = await LmdbStore.open({
    folder,
    space,
    release,
    damaged: error => warn(`${error.message} They are left out`),
  })
  const closing = async (error: unknown): Promise<never> => {
    await store.close()
    throw error
  }
  const format = store.get('meta', FORMAT_KEY)
  if (format !== undefined && Number(text(format)) > FORMAT) {
    return closing(
      new StoreFormatError(
        `The store in ${folder} has format ${text(format)}, of a newer msgvan; this one reads up to ${FORMAT}. ` +
          'Run the newer version, or give this one a folder of its own.',
      ),
    )
  }
  await store
    .transact(transaction => {
      transaction.put('meta', FORMAT_KEY, Buffer.from(String(FORMAT)))
      transaction.put('meta', OPEN_KEY, Buffer.from(String(process.pid)))
    })
    .catch(closing)
  return store
}

/** Says that the host ended in order, so that the next start need not look through it. */
export async function closeInOrder(store: LmdbStore): Promise<void> {
  await store.transact(transaction => transaction.remove('meta', OPEN_KEY)).catch(() => undefined)
  await store.close()
}

/** Looked at from outside first: what is torn may end the process that reads it. */
async function whatIsWrongIn(folder: string): Promise<string | undefined> {
  if (!existsSync(join(folder, DATA_FILE))) return undefined
  return whatIsWrongInFile(folder) ?? (await probe(folder, { isBrief: true })).wrong
}

function setAside(folder: string, wrong: string): string {
  const aside = join(folder, `damaged-${new Date().toISOString().replaceAll(':', '-')}`)
  mkdirSync(aside)
  for (const file of [DATA_FILE, LOCK_FILE])
    if (existsSync(join(folder, file))) renameSync(join(folder, file), join(aside, file))
  return `the store in ${folder} is damaged: ${wrong}. It was kept in ${aside}, and a new one begun`
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const file = join(folder, DATA_FILE)
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw unusable(folder, error)
  }
}

function unusable(folder: string, cause: unknown): StoreError {
  return new StoreError(
    `The store in ${folder} cannot be used (${describe(cause)}). Give a folder that this user may write to.`,
    { cause },
  )
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
