import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'

export const DATA_FILE = 'data.mdb'

const MAGIC = 0xbeefc0de
const META = { magic: 24, version: 28, pageSize: 48, lastPage: 144, transaction: 152, bytes: 160 } as const

interface Meta {
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: bigint
}

/**
 * What is wrong with a folder's data file as far as its two meta pages tell, or undefined. Looked at before it is mapped: a
 * read beyond the end of a mapped file would end the process.
 */
export function whatIsWrongInFile(folder: string): string | undefined {
  const { size, synced } = measured(folder)
  if (size === 0) return undefined
  if (synced === undefined) return 'it does not begin as a store does'
  return size < synced ? `it ends after ${size} of ${synced} bytes` : undefined
}

/** How much of the file the last transaction that counts needs: what lies beyond is of one that was never finished. */
export function syncedBytes(folder: string): number {
  return measured(folder).synced ?? 0
}

function measured(folder: string): { size: number; synced: number | undefined } {
  const fd = openSync(join(folder, DATA_FILE), 'r')
  try {
    const { size } = fstatSync(fd)
    const first = metaAt(fd, 0)
    const pageSize = first?.pageSize ?? 4096
    const metas = [first, metaAt(fd, pageSize)].filter(meta => meta !== undefined)
    const newest = metas.reduce<Meta | undefined>(
      (best, meta) => (best === undefined || meta.transaction > best.transaction ? meta : best),
      undefined,
    )
    return { size, synced: newest && (newest.lastPage + 1) * newest.pageSize }
  } finally {
    closeSync(fd)
  }
}

function metaAt(fd: number, position: number): Meta | undefined {
  const page = Buffer.alloc(META.bytes)
  if (readSync(fd, page, 0, META.bytes, position) < META.bytes) return undefined
  if (page.readUInt32LE(META.magic) !== MAGIC) return undefined
  const pageSize = page.readUInt32LE(META.pageSize)
  const isPageSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
  if (!isPageSize) return undefined
  return {
    pageSize,
    lastPage: Number(page.readBigUInt64LE(META.lastPage)),
    transaction: page.readBigUInt64LE(META.transaction),
  }
}
