import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Of lmdb's pages, in the layout of this version on a machine with little-endian numbers of 64 bits. */
export const PAGE_HEAD = 24
const MAGIC = 0xbeefc0de
const META = {
  magic: 24,
  pageSize: 48,
  flags: 52,
  free: 48,
  main: 96,
  lastPage: 144,
  transaction: 152,
  end: 168,
} as const
const NO_PAGE = 2 ** 64

export const PageKind = { Branch: 1, Leaf: 2, Overflow: 4, Meta: 8 } as const

/** One of the trees in the file: its beginning, and its counts. */
export interface Tree {
  readonly flags: number
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  /** undefined: it is empty */
  readonly root: number | undefined
}

/** The result of one transaction: its trees. */
export interface Meta {
  readonly slot: number
  readonly pageSize: number
  readonly lastPage: number
  readonly transaction: number
  readonly free: Tree
  readonly main: Tree
}

/** The pages of a data file, read one by one, with every number checked, so that damage does not end the process. */
export class PageFile {
  readonly size: number
  readonly pageSize: number
  /** The readable ones of the two, in their order in the file. */
  readonly metas: readonly Meta[]
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
    this.size = fstatSync(this.#fd).size
    const first = this.#metaAt(0, 0)
    const second = first === undefined ? this.#secondMeta() : this.#metaAt(first.pageSize, 1)
    this.metas = [first, second].filter(meta => meta !== undefined)
    this.pageSize = this.metas[0]?.pageSize ?? 4096
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Bytes from the beginning of a page on, across the following pages; undefined if the file ends before. */
  read(page: number, bytes: number, skip = 0): Buffer | undefined {
    const from = page * this.pageSize + skip
    if (page < 2 || !Number.isSafeInteger(from) || from + bytes > this.size) return undefined
    const buffer = Buffer.allocUnsafe(bytes)
    return readSync(this.#fd, buffer, 0, bytes, from) === bytes ? buffer : undefined
  }

  /** Page sizes are powers of two. */
  #secondMeta(): Meta | undefined {
    for (let size = 4096; size <= 65_536; size *= 2) {
      const meta = this.#metaAt(size, 1)
      if (meta?.pageSize === size) return meta
    }
    return undefined
  }

  #metaAt(position: number, slot: number): Meta | undefined {
    const page = Buffer.alloc(META.end)
    if (readSync(this.#fd, page, 0, META.end, position) < META.end) return undefined
    const pageSize = page.readUInt32LE(META.pageSize)
    const isPageSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0
    const isMeta = page.readUInt32LE(META.magic) === MAGIC && page.readUInt16LE(18) === PageKind.Meta
    if (!isPageSize || !isMeta || uint64(page, 0) !== slot) return undefined
    return {
      slot,
      pageSize,
      lastPage: uint64(page, META.lastPage),
      transaction: uint64(page, META.transaction),
      free: treeAt(page, META.free),
      main: treeAt(page, META.main),
    }
  }
}

export function treeAt(bytes: Buffer, at: number): Tree {
  const root = uint64(bytes, at + 40)
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: uint64(bytes, at + 8),
    leafPages: uint64(bytes, at + 16),
    overflowPages: uint64(bytes, at + 24),
    entries: uint64(bytes, at + 32),
    root: root === NO_PAGE ? undefined : root,
  }
}

/** As a number, which is inexact beyond 2^53, but certainly out of all bounds. */
export function uint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at)
}
