import { accessSync, constants, existsSync, mkdirSync, renameSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, MsgvanError, StoreError, StoreFormatError } from '../errors.js'
import { probe } from './probe.js'
import { DATA_FILE, whatIsWrongInFile } from './data-file.js'
import { lockFolder } from './folder-lock.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { FORMAT } from './store.js'

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
  try {
    refuseNewer(folder, store)
    await store.renew()
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** @throws StoreFormatError */
export function refuseNewer(
  folder: string,
  { format = FORMAT }: { readonly format?: number | undefined },
): void {
  if (format <= FORMAT) return
  throw new StoreFormatError(
    `The store in ${folder} has format ${format}, of a newer msgvan; this one reads up to ${FORMAT}. ` +
      'Run the newer version, or give this one a folder of its own.',
  )
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
  return `the store in ${folder} is damaged: ${wrong.replace(/\.$/, '')}. It was kept in ${aside}, and a new one begun`
}

function prepareFolder(folder: string): void {
  try {
    makeFolder(folder)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const file = join(folder, DATA_FILE)
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw unusable(folder, error)
  }
}

/** Step by step: where a folder is there and takes no other (/proc), Node's own recursion goes on for ever. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder, { mode: 0o700 })
}

function unusable(folder: string, cause: unknown): StoreError {
  return new StoreError(
    `The store in ${folder} cannot be used (${describe(cause)}). Give a folder that this user may write to.`,
    { cause },
  )
}
