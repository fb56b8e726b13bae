import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const KEY_FILE = 'lock.key'
const KEY_BYTES = 32

/** What a store's folder lets others do: its files are for one user. */
export interface FolderRights {
  readonly canRead: boolean
  readonly canWrite: boolean
}

/** On Windows the folder's list of rights decides, which Node does not show. */
export function rightsOfOthers(folder: string): FolderRights {
  if (process.getuid === undefined) return { canRead: false, canWrite: false }
  const { mode } = statSync(folder)
  return { canRead: (mode & 0o055) !== 0, canWrite: (mode & 0o022) !== 0 }
}

/** The files of a store, with the folders of pieces that were set aside, are for this user alone, whatever made them. */
export function makePrivate(folder: string): void {
  if (process.getuid === undefined) return
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const found = lstatSync(path)
    if (found.isDirectory()) {
      if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
      makePrivate(path)
    } else if (found.isFile() && (found.mode & 0o077) !== 0) chmodSync(path, 0o600)
  }
}

/**
 * The key that the name of the folder's lock is made with; made when it is first needed. A folder that takes no file, as one on a
 * disk that is read-only, has an empty one: nobody can write to it.
 */
export function lockKey(folder: string): Buffer {
  const file = join(folder, KEY_FILE)
  const found = readKey(file)
  if (found !== undefined) return found
  // Beside it and then linked: of two processes that begin at once both read the key of one.
  const aside = `${file}-${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(aside, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' })
    linkOrRename(aside, file)
  } catch {
    // What is wrong with the folder is said by whoever opens the store.
    return readKey(file) ?? Buffer.alloc(0)
  } finally {
    rmSync(aside, { force: true })
  }
  return readKey(file) ?? Buffer.alloc(0)
}

/** Some file systems have no links. */
function linkOrRename(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    renameSync(from, to)
  }
}

function readKey(file: string): Buffer | undefined {
  try {
    const key = readFileSync(file)
    return key.length === KEY_BYTES ? key : undefined
  } catch {
    return undefined
  }
}
