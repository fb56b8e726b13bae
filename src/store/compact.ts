import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { InvalidOptionError, StoreDamagedError, StoreError } from '../errors.js'
import { DATA_FILE } from './data-file.js'
import { lockFolder } from './folder-lock.js'
import { FreeSpace } from './free-space.js'
import { LmdbStore } from './lmdb-store.js'
import { refuseNewer } from './open-store.js'
import { probe } from './probe.js'
import { FORMAT_KEY } from './store.js'

export interface Compacted {
  readonly before: number
  readonly after: number
}

/**
 * Writes the store anew without the freed room, and replaces it. No host may have it open.
 *
 * @throws StoreInUseError, StoreFormatError, StoreDamagedError, StoreError
 */
export async function compactStore(path: string): Promise<Compacted> {
  const folder = existingStore(path)
  const file = join(folder, DATA_FILE)
  const release = await lockFolder(folder)
  const fresh = mkdtempSync(join(folder, 'compact-'))
  try {
    const before = statSync(file).size
    const space = new FreeSpace(folder)
    // At most the present size.
    space.check(before / 2)
    const { wrong, broken, damages, ...probed } = await probe(folder, { isBrief: true })
    refuseNewer(folder, probed)
    const why = wrong ?? broken ?? damages[0]?.why
    if (why !== undefined)
      throw new StoreDamagedError(
        `The store in ${folder} is damaged: ${why} Run \`msgvan store repair ${folder}\` first.`,
      )
    const store = await LmdbStore.open({ folder, space })
    try {
      await store.copyTo(fresh)
    } finally {
      await store.close()
    }
    await writeHeads(fresh, space)
    renameSync(join(fresh, DATA_FILE), file)
    return { before, after: statSync(file).size }
  } finally {
    rmSync(fresh, { recursive: true, force: true })
    await release()
  }
}

/**
 * lmdb's copy has one head that points to its trees. Two transactions write both, as in any store, so that damage can
 * be noticed.
 */
async function writeHeads(folder: string, space: FreeSpace): Promise<void> {
  const store = await LmdbStore.open({ folder, space })
  try {
    const format = store.get('meta', FORMAT_KEY)
    if (format === undefined) return
    for (let head = 0; head < 2; head += 1) await store.transact(t => t.put('meta', FORMAT_KEY, format))
  } finally {
    await store.close()
  }
}

/**
 * @throws StoreError if this folder has no store
 */
export function existingStore(path: string): string {
  if (path === '') throw new InvalidOptionError('The folder of a store is not empty.')
  const folder = resolve(path)
  if (existsSync(join(folder, DATA_FILE))) return folder
  throw new StoreError(`There is no store in ${folder}. Give the --store folder of a host.`)
}
