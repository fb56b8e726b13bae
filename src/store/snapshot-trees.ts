import { StoreDamagedError } from '../errors.js'
import { CHUNK_KEY, LOG_BYTES } from './chunk-record.js'
import type { TreeName } from './damage.js'
import { PAGE_HEAD, treeAt, uint64, type Meta, type PageFile, type Tree } from './page-file.js'
import { tables } from './store.js'
import {
  Claims,
  FREE,
  isLost,
  NodeFlag,
  TreeWalk,
  valueOf,
  type Entry,
  type Lost,
  type Walked,
} from './tree-walk.js'

const names: readonly TreeName[] = ['chunks', ...tables]
const FREE_TREE = 2
const MAIN_TREE = 4
const bitOf = (name: TreeName): number => 8 << names.indexOf(name)
/** lmdb's record of a tree. */
const TREE_BYTES = 48

type Items = ReadonlyMap<TreeName, readonly (Entry | Lost)[]>

export interface Trees {
  readonly items: Items
  readonly broken: string | undefined
  /** Why this may be the result of the transaction before the last one. */
  readonly doubt: string | undefined
}

/**
 * All trees of the newest transaction. It looks for unreachable parts in the trees of the transaction before, where
 * most of them still are.
 *
 * @throws StoreDamagedError
 */
export function readTrees(file: PageFile): Trees {
  const [newest, older] = inOrder(file)
  if (newest === undefined) throw new StoreDamagedError('It does not begin as a store does.')
  const doubt = doubtOf(file)
  const { items, broken = doubt } = walkAll(file, newest)
  const isSingle = older === undefined && doubt !== undefined
  const found = { broken, doubt: isSingle ? `${doubt}; the last writes may be missing` : undefined }
  if (older === undefined || ![...items.values()].some(all => all.some(isLost))) return { ...found, items }
  const before = walkAll(file, older).items
  const filled = [...items].map(([name, all]) => [name, withOlder(all, before.get(name) ?? [])] as const)
  return { ...found, items: new Map(filled) }
}

/** The newest first. Each transaction writes the beginning of its main tree anew, so that shows its age best. */
function inOrder(file: PageFile): readonly Meta[] {
  const writtenAt = ({ main, transaction }: Meta): number => {
    const head = main.root === undefined ? undefined : file.read(main.root, PAGE_HEAD)
    return head === undefined ? transaction : uint64(head, 8)
  }
  const follow = doubtOf(file) === undefined
  const key = follow ? ({ transaction }: Meta) => transaction : writtenAt
  return [...file.metas].sort((a, b) => key(b) - key(a))
}

/** The two heads alternate. */
function doubtOf({ metas }: PageFile): string | undefined {
  const [first, second] = metas
  if (first === undefined || second === undefined) return 'one of its two heads is damaged'
  const follow = Math.abs(first.transaction - second.transaction) === 1
  const isNew = first.transaction === 0 && second.transaction === 0
  if (!follow && !isNew) return 'its two heads do not follow each other'
  return first.pageSize === second.pageSize ? undefined : 'its two heads differ'
}

function walkAll(file: PageFile, meta: Meta): { items: Items; broken: string | undefined } {
  const claims = new Claims(Math.ceil(file.size / file.pageSize))
  const walk = (tree: Tree, bit: number): Walked => new TreeWalk(file, meta, claims, bit).walk(tree)
  const free = new TreeWalk(file, meta, claims, FREE_TREE, byNumber).walk(meta.free)
  let broken = free.broken && `the list of its free pages: ${free.broken}`
  broken ??= listFree(file, meta, free.items, claims)
  const main = walk(meta.main, MAIN_TREE)
  broken ??= main.broken
  const { trees, renamed, lost: lostMain } = treesIn(file, main.items)
  broken ??= renamed && `${renamed} are there under another name`
  broken ??= lostMain?.why
  const items = new Map<TreeName, readonly (Entry | Lost)[]>()
  for (const name of names) {
    const tree = trees.get(name)
    const walked = tree && walk(tree, bitOf(name))
    broken ??= walked?.broken && `${name}: ${walked.broken}`
    items.set(name, walked?.items ?? (lostMain === undefined ? [] : [lostMain]))
  }
  return { items, broken }
}

/** Keys of the list of free pages are numbers of transactions. */
function byNumber(a: Buffer, b: Buffer): number {
  return a.length < 8 || b.length < 8 ? a.length - b.length : uint64(a, 0) - uint64(b, 0)
}

/**
 * Lists the pages that may be overwritten.
 *
 * @returns the fault of the list, if it has one
 */
function listFree(file: PageFile, meta: Meta, items: Walked['items'], claims: Claims): string | undefined {
  let broken: string | undefined
  let beyond = 0
  const pages = Math.ceil(file.size / file.pageSize)
  for (const item of items) {
    if (isLost(item)) continue
    const list = item.key.length === 8 && item.size % 8 === 0 ? valueOf(file, item) : undefined
    const count = list === undefined || list.length === 0 ? -1 : uint64(list, 0)
    if (list === undefined || count < 0 || count > list.length / 8 - 1) {
      broken ??= 'the list of its free pages is damaged'
      continue
    }
    for (let at = 1; at <= count; at += 1) {
      // A negative number is that of consecutive pages, of which the first one follows.
      const number = list.readBigInt64LE(at * 8)
      const run = number < 0n ? Number(-number) : 1
      if (number < 0n) at += 1
      const page = at <= count ? Number(list.readBigInt64LE(at * 8)) : -1
      if (number === 0n) continue
      if (page < 2 || page + run - 1 > meta.lastPage) {
        broken ??= 'the list of its free pages is damaged'
        continue
      }
      claims.add(page, Math.min(run, Math.max(pages - page, 0)), FREE)
      beyond += Math.max(0, page + run - Math.max(page, pages))
    }
  }
  // lmdb does not write pages that it took and gave back within one transaction: everything that the file lacks is
  // free.
  if (meta.lastPage + 1 - pages > beyond) broken ??= 'its head names a last page that it does not have'
  return broken
}

interface NamedTrees {
  readonly trees: ReadonlyMap<TreeName, Tree>
  /** One under a wrong name. */
  readonly renamed: TreeName | undefined
  /** Others are missing because something is damaged. */
  readonly lost: Lost | undefined
}

function treesIn(file: PageFile, items: Walked['items']): NamedTrees {
  const trees = new Map<TreeName, Tree>()
  const others: Tree[] = []
  let lost = items.find(isLost)
  for (const item of items) {
    if (isLost(item)) continue
    const isTree = item.flags === NodeFlag.SubTree && item.size === TREE_BYTES
    const bytes = isTree ? valueOf(file, item) : undefined
    const name = names.find(each => `${each}\0` === item.key.toString('latin1'))
    if (bytes === undefined) lost ??= { why: `page ${item.page} is damaged` }
    else if (name === undefined) others.push(treeAt(bytes, 0))
    else trees.set(name, treeAt(bytes, 0))
  }
  const missing = names.filter(name => !trees.has(name))
  const [other] = others
  const [renamed] = missing
  if (other === undefined || renamed === undefined) return { trees, renamed: undefined, lost }
  if (others.length > 1 || missing.length > 1)
    return { trees, renamed: undefined, lost: lost ?? { why: 'names in it are damaged' } }
  trees.set(renamed, other)
  return { trees, renamed, lost }
}

/** In the place of a lost part: the entries between the same neighbours one transaction before. */
function withOlder(items: Walked['items'], older: Walked['items']): (Entry | Lost)[] {
  const filled: (Entry | Lost)[] = []
  items.forEach((item, at) => {
    if (isLost(item)) {
      const before = filled.findLast(each => !isLost(each)) as Entry | undefined
      const after = items.slice(at + 1).find(each => !isLost(each)) as Entry | undefined
      const isBetween = (each: Entry | Lost): boolean =>
        !isLost(each) &&
        (before === undefined || Buffer.compare(each.key, before.key) > 0) &&
        (after === undefined || Buffer.compare(each.key, after.key) < 0)
      const from = older.findIndex(isBetween)
      const found = from < 0 ? [] : older.slice(from, older.findLastIndex(isBetween) + 1)
      for (const each of found) {
        // Newer entries are at the end of each log.
        if (!isLost(each) && isOtherLog(filled.at(-1), each)) filled.push(item)
        filled.push(isLost(each) ? each : { ...each, isOlder: true })
      }
    }
    filled.push(item)
  })
  return filled
}

function isOtherLog(before: Entry | Lost | undefined, { key }: Entry): boolean {
  if (before === undefined || isLost(before) || key.length !== CHUNK_KEY) return false
  return Buffer.compare(before.key.subarray(0, LOG_BYTES), key.subarray(0, LOG_BYTES)) !== 0
}
