import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, StoreError } from '../errors.js'
import { DATA_FILE, LOCK_FILE } from './data-file.js'

const KEY_FILE = 'lock.key'
const KEY_BYTES = 32
const OWN_FILES = [DATA_FILE, LOCK_FILE, KEY_FILE]

/** The rights of other users in a store's folder: its files are for one user. */
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

/** Folders of a repair or a compaction, inside the store's. */
const OWN_FOLDERS = /^(damaged|repair|compact)-/

/**
 * Makes the files of a store private to this user, whichever process made them. Other files in its folder stay
 * unchanged.
 */
export function makePrivate(folder: string): void {
  if (process.getuid === undefined) return
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    const found = lstatSync(path)
    if (found.isDirectory() && OWN_FOLDERS.test(name)) makeAllPrivate(path)
    else if (found.isFile() && OWN_FILES.includes(name)) allow(path, 0o600)
  }
}

function makeAllPrivate(folder: string): void {
  allow(folder, 0o700)
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (lstatSync(path).isFile()) allow(path, 0o600)
  }
}

function allow(path: string, mode: number): void {
  if ((lstatSync(path).mode & 0o777) !== mode) chmodSync(path, mode)
}

/**
 * The key for the name of the folder's lock, made on demand. If this user cannot write to the folder, no host of this
 * user can have the store: then the key is empty.
 *
 * @throws StoreError: with another key than that of a running host, two hosts would have one store
 */
export function lockKey(folder: string): Buffer {
  const file = join(folder, KEY_FILE)
  try {
    return readKey(file) ?? makeKey(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (!existsSync(file) && (code === 'EROFS' || code === 'EACCES')) return Buffer.alloc(0)
    throw new StoreError(
      `The lock of the store in ${folder} cannot be used (${describe(error)}). Make ${KEY_FILE} there readable for this user, or remove it while no host has the store.`,
      { cause: error },
    )
  }
}

/** Written beside it and then linked: if two processes begin at once, both read the key of one. */
function makeKey(file: string): Buffer {
  const aside = `${file}-${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(aside, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx', flush: true })
    linkOrCopy(aside, file)
  } finally {
    rmSync(aside, { force: true })
  }
  return readKey(file) ?? makeKey(file)
}

/** Some file systems have no links. */
function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    copyFileSync(from, to, constants.COPYFILE_EXCL)
  }
}

/** Undefined if it does not exist. */
function readKey(file: string): Buffer | undefined {
  let key: Buffer
  try {
    key = readFileSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (key.length !== KEY_BYTES) throw new Error(`it has ${key.length} bytes, not ${KEY_BYTES}`)
  return key
}
