import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, MsgvanError, StoreError, StoreFormatError } from '../errors.js'
import { probe } from './probe.js'
import { DATA_FILE, LOCK_FILE } from './data-file.js'
import { lockFolder } from './folder-lock.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { rightsOfOthers } from './private-files.js'
import { repairStore, setFileAside, tidyFolder } from './repair.js'
import { FORMAT } from './store.js'

export interface OpenStoreOptions {
  /** Bytes of free room on the disk below which nothing more is written. Default 64 MiB. */
  readonly floor?: number | undefined
  /** News for an operator: a damaged store was set aside. */
  readonly warn: (text: string) => void
  /** Messages that are read later are damaged: they are left out. */
  readonly damaged?: ((log: number, first: number) => void) | undefined
  /** The previous host had its store here. Without this, only other files in the folder show that there was one. */
  readonly isExpected?: boolean | undefined
  /** There was a store, and nothing of it can be read any more: a new one was begun. */
  readonly gone?: ((why: string) => void) | undefined
}

/**
 * Opens the store in a folder, and makes it if it does not exist. It keeps the whole parts of a damaged one, sets the
 * rest aside, and reports that.
 *
 * @throws StoreInUseError, StoreFormatError (of a newer msgvan), StoreError (no rights, not a folder …)
 */
export async function openStore(path: string, options: OpenStoreOptions): Promise<LmdbStore> {
  const folder = resolve(path)
  prepareFolder(folder, options.warn)
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
  { floor, warn, damaged, ...options }: OpenStoreOptions,
): Promise<LmdbStore> {
  const space = new FreeSpace(folder, floor)
  tidyFolder(folder)
  await mend(folder, space, { ...options, warn })
  const store = await LmdbStore.open({
    folder,
    space,
    release,
    damaged: (error, { log, first }) => {
      warn(`${error.message} They are left out`)
      damaged?.(log, first)
    },
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

/** From outside first: a torn file may end the process that reads it. */
async function mend(
  folder: string,
  space: FreeSpace,
  { warn, gone, isExpected = false }: OpenStoreOptions,
): Promise<void> {
  const file = join(folder, DATA_FILE)
  const isThere = existsSync(file)
  if (!isThere || statSync(file).size === 0) {
    // lmdb makes this file beside its data, and leaves it there.
    if (!isExpected && !existsSync(join(folder, LOCK_FILE))) return
    const why = isThere ? `its file ${DATA_FILE} is empty` : `its file ${DATA_FILE} is not there any more`
    warn(`the store in ${folder} is gone: ${why}. A new one was begun`)
    gone?.(why)
    return
  }
  const { wrong, broken, damages, ...probed } = await probe(folder, { isBrief: true })
  refuseNewer(folder, probed)
  const is = `the store in ${folder} is damaged`
  if (wrong !== undefined) {
    warn(`${is}: ${wrong.replace(/\.$/, '')}. It was kept in ${setFileAside(folder)}, and a new one begun`)
    gone?.(wrong.replace(/\.$/, ''))
    return
  }
  if (broken === undefined && damages.length === 0) return
  const { aside } = await repairStore({ folder, space, isBrief: true, broken })
  const why = broken ?? damages[0]?.why ?? ''
  warn(`${is}: ${why.replace(/\.$/, '')}. The whole parts were kept; the rest is in ${aside ?? folder}`)
}

function prepareFolder(folder: string, warn: (text: string) => void): void {
  try {
    makeFolder(folder)
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder')
    const others = rightsOfOthers(folder)
    if (others.canWrite) throw new Error(`others can write to it: run chmod 700 ${folder}`)
    if (others.canRead) warn(`others can list the folder of the store, ${folder}: run chmod 700 ${folder}`)
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    const file = join(folder, DATA_FILE)
    if (!existsSync(file)) return
    if (!statSync(file).isFile()) throw new Error(`${DATA_FILE} in it is not a file`)
    accessSync(file, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw unusable(folder, error)
  }
}

/** Step by step: in a folder that takes no new ones (/proc), Node's own recursion goes on for ever. */
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
