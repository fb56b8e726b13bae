import { PAGE_HEAD, PageKind, uint64, type Meta, type PageFile, type Tree } from './page-file.js'

/** lmdb's own limit. */
const MOST_DEPTH = 32
const NODE_HEAD = 8
const OVERFLOW_ENTRY = 24

/** Set for pages in the list of free pages; each tree has a bit of its own beside it. */
export const FREE = 1

export const NodeFlag = { Big: 1, SubTree: 2 } as const

/** An entry of a tree: its key, and the place of its value. */
export interface Entry {
  readonly key: Buffer
  readonly size: number
  readonly flags: number
  readonly page: number
  /** In its page. */
  readonly offset: number
  /** From the transaction before: it stands in place of a lost one. */
  readonly isOlder?: boolean
}

/** Stands in the place of entries that cannot be reached. */
export interface Lost {
  readonly why: string
}

export const isLost = (item: Entry | Lost): item is Lost => 'why' in item

/**
 * @returns undefined if a part of it is missing
 */
export function valueOf(file: PageFile, { page, offset, size }: Entry): Buffer | undefined {
  return size < 0 ? undefined : file.read(page, size, offset)
}

/** The trees of each page, a bit for each. */
export class Claims {
  readonly #bits: Uint32Array

  constructor(pages: number) {
    this.#bits = new Uint32Array(pages)
  }

  of(page: number): number {
    return this.#bits[page] ?? 0
  }

  add(page: number, count: number, bit: number): void {
    for (let at = page; at < page + count; at += 1) this.#bits[at] = this.of(at) | bit
  }
}

export interface Walked {
  /** In the order of the tree. */
  readonly items: readonly (Entry | Lost)[]
  /** The fault that lmdb must not meet. Nothing need be lost. */
  readonly broken: string | undefined
}

const words = {
  branchPages: 'branch pages',
  leafPages: 'leaf pages',
  overflowPages: 'overflow pages',
  entries: 'entries',
} as const

interface Page {
  readonly bytes: Buffer
  readonly isLeaf: boolean
  readonly count: number
}

/**
 * Goes along a tree as far as it leads, checking every number that lmdb trusts. It visits each page once, so it ends
 * with any content of the file.
 */
export class TreeWalk {
  readonly #file: PageFile
  readonly #meta: Pick<Meta, 'transaction' | 'lastPage'>
  readonly #claims: Claims
  readonly #bit: number
  readonly #compare: (a: Buffer, b: Buffer) => number
  readonly #items: (Entry | Lost)[] = []
  readonly #seen = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 }
  #broken: string | undefined

  /**
   * @param compare the order of the tree's keys; default: as bytes
   */
  constructor(
    file: PageFile,
    meta: Pick<Meta, 'transaction' | 'lastPage'>,
    claims: Claims,
    bit: number,
    compare: (a: Buffer, b: Buffer) => number = (a, b) => Buffer.compare(a, b),
  ) {
    this.#compare = compare
    this.#file = file
    this.#meta = meta
    this.#claims = claims
    this.#bit = bit
  }

  walk(tree: Tree): Walked {
    if (tree.root !== undefined) {
      if (tree.depth > MOST_DEPTH) this.#breaks(`it is ${tree.depth} pages deep`)
      this.#visit(tree.root, Math.min(tree.depth, MOST_DEPTH), undefined, undefined)
    }
    for (const what of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const)
      if (this.#seen[what] !== tree[what])
        this.#breaks(`${this.#seen[what]} of ${tree[what]} ${words[what]} are there`)
    if (tree.root === undefined && tree.depth > 0) this.#breaks('it has no beginning')
    return { items: this.#items, broken: this.#broken }
  }

  #visit(number: number, depth: number, from: Buffer | undefined, to: Buffer | undefined): void {
    const page = this.#page(number, depth)
    if (typeof page === 'string') return this.#lost(`page ${number} ${page}`)
    if (page.isLeaf) {
      this.#seen.leafPages += 1
      for (let at = 0; at < page.count; at += 1) this.#leafNode(number, page, at, from, to)
      return
    }
    this.#seen.branchPages += 1
    const children = Array.from({ length: page.count }, (_, at) => this.#branchNode(page, at))
    children.forEach((child, at) => {
      if (child === undefined) return this.#lost(`page ${number} is damaged`)
      const next = children[at + 1]
      // The first one has no key.
      this.#visit(child.page, depth - 1, at === 0 ? from : child.key, next === undefined ? to : next.key)
    })
  }

  /** A good page, or its fault. */
  #page(number: number, depth: number): Page | string {
    if (depth < 1) return 'is too deep in its tree'
    if (number > this.#meta.lastPage) this.#breaks(`page ${number} is beyond the last one`)
    if (this.#claims.of(number) & this.#bit) return 'is there twice'
    const bytes = this.#file.read(number, this.#file.pageSize)
    if (bytes === undefined) return 'is beyond the end of the file'
    const kind = depth === 1 ? PageKind.Leaf : PageKind.Branch
    const lower = bytes.readUInt16LE(20)
    const upper = bytes.readUInt16LE(22)
    const isWhole =
      uint64(bytes, 0) === number &&
      uint64(bytes, 8) <= this.#meta.transaction &&
      bytes.readUInt16LE(18) === kind &&
      lower % 2 === 0 &&
      lower <= upper &&
      upper <= bytes.length - PAGE_HEAD &&
      lower >= (depth === 1 ? 2 : 4)
    if (!isWhole) return 'is damaged'
    this.#claim(number, 1)
    return { bytes, isLeaf: depth === 1, count: lower / 2 }
  }

  #claim(page: number, count: number): void {
    for (let at = page; at < page + count; at += 1) {
      const claims = this.#claims.of(at)
      if (claims & FREE) this.#lost(`page ${at} is also listed as free: its contents may be older`)
      else if (claims !== 0) this.#breaks(`page ${at} belongs to another tree as well`)
    }
    this.#claims.add(page, count, this.#bit)
  }

  #nodeAt({ bytes }: Page, at: number): { offset: number; key: Buffer } | undefined {
    const offset = bytes.readUInt16LE(PAGE_HEAD + 2 * at) + PAGE_HEAD
    if (offset % 2 !== 0 || offset < bytes.readUInt16LE(22) + PAGE_HEAD) return undefined
    if (offset + NODE_HEAD > bytes.length) return undefined
    const end = offset + NODE_HEAD + bytes.readUInt16LE(offset + 6)
    return end > bytes.length ? undefined : { offset, key: bytes.subarray(offset + NODE_HEAD, end) }
  }

  #branchNode(page: Page, at: number): { page: number; key: Buffer } | undefined {
    const node = this.#nodeAt(page, at)
    if (node === undefined) return undefined
    const child = page.bytes.readUInt16LE(node.offset + 4) * 2 ** 32 + page.bytes.readUInt32LE(node.offset)
    return { page: child, key: node.key }
  }

  #leafNode(number: number, page: Page, at: number, from: Buffer | undefined, to: Buffer | undefined): void {
    const { bytes } = page
    const node = this.#nodeAt(page, at)
    this.#seen.entries += 1
    const lost = () => this.#lost(`an entry in page ${number} is damaged`)
    if (node === undefined || node.key.length === 0) return lost()
    const { key, offset } = node
    const size = bytes.readUInt32LE(offset)
    const flags = bytes.readUInt16LE(offset + 4)
    const data = offset + NODE_HEAD + key.length
    if (data + (flags & NodeFlag.Big ? OVERFLOW_ENTRY : size) > bytes.length) return lost()
    if (flags > NodeFlag.SubTree) return lost()
    if (
      (from !== undefined && this.#compare(key, from) < 0) ||
      (to !== undefined && this.#compare(key, to) >= 0)
    )
      this.#breaks(`page ${number} has contents of another kind`)
    if (!(flags & NodeFlag.Big)) return this.#entry({ key, size, flags, page: number, offset: data })
    const first = uint64(bytes, data)
    const pages = uint64(bytes, data + 16)
    const why = this.#overflow(first, pages, size)
    if (why === undefined) this.#entry({ key, size, flags, page: first, offset: PAGE_HEAD })
    // Its identity is known.
    else this.#items.push({ key, size: -1, flags, page: first, offset: 0 })
    if (why !== undefined) this.#breaks(`page ${first} ${why}`)
  }

  #overflow(first: number, pages: number, size: number): string | undefined {
    const needed = Math.floor((PAGE_HEAD - 1 + size) / this.#file.pageSize) + 1
    if (pages !== needed) return 'is damaged'
    if (this.#claims.of(first) & this.#bit) return 'is there twice'
    const head = this.#file.read(first, PAGE_HEAD)
    // Checked to its end: it may be cut off.
    if (head === undefined || this.#file.read(first, 1, PAGE_HEAD + size - 1) === undefined)
      return 'is beyond the end of the file'
    const isWhole =
      uint64(head, 0) === first &&
      uint64(head, 8) <= this.#meta.transaction &&
      head.readUInt16LE(18) === PageKind.Overflow &&
      head.readUInt32LE(20) === pages
    if (!isWhole) {
      // Its contents may be whole all the same; lmdb must not rely on its head.
      this.#breaks(`page ${first} is damaged`)
    }
    if (first + pages - 1 > this.#meta.lastPage) this.#breaks(`page ${first} is beyond the last one`)
    this.#seen.overflowPages += pages
    this.#claim(first, pages)
    return undefined
  }

  #entry(entry: Entry): void {
    const last = this.#items.at(-1)
    if (last !== undefined && !isLost(last) && this.#compare(last.key, entry.key) >= 0)
      this.#breaks('its keys are out of order')
    this.#items.push(entry)
  }

  #lost(why: string): void {
    this.#items.push({ why })
    this.#breaks(why)
  }

  #breaks(why: string): void {
    this.#broken ??= why
  }
}
