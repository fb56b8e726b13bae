import { join } from 'node:path'
import { PageFile } from './page-file.js'

export const DATA_FILE = 'data.mdb'
export const LOCK_FILE = 'lock.mdb'

/**
 * The part of the file that the last valid transaction may need: the rest belongs to one that was never finished. The
 * file may be shorter: pages that a transaction took and gave back are never written.
 */
export function syncedBytes(folder: string): number {
  const file = new PageFile(join(folder, DATA_FILE))
  try {
    const [first, second] = file.metas
    const newest =
      first !== undefined && second !== undefined && second.transaction > first.transaction ? second : first
    return newest === undefined ? 0 : Math.min(file.size, (newest.lastPage + 1) * newest.pageSize)
  } finally {
    file.close()
  }
}
