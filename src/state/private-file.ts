import { constants } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { newId } from '../message/new-id.js'
import { AuthError, describe, codeOf } from '../errors.js'

/** A longer private file is not read. */
const MOST_BYTES = 4096

/**
 * The bytes of a file that only this user can read; undefined if it does not exist. Never through a symbolic link.
 *
 * @param remedy what to do when others can read it
 * @throws AuthError if others can read the file, or it is another user's
 */
export async function readPrivate(path: string, remedy: string): Promise<Uint8Array | undefined> {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- Windows has neither; without the second a FIFO would wait for a writer
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
  const file = await open(path, flags).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new AuthError(
      `Cannot read ${path}: ${describe(error)}. It must be a file of yours with mode 600.`,
      { cause: error },
    )
  })
  if (file === undefined) return undefined
  try {
    const there = await file.stat()
    const { uid, mode, size } = there
    if (!there.isFile()) throw new AuthError(`${path} is not a file. Remove it, and begin again.`)
    if (process.getuid !== undefined) {
      if (uid !== process.getuid()) {
        throw new AuthError(
          `${path} belongs to another user (${uid}). Delete it, or set MSGVAN_HOME to a folder of your own.`,
        )
      }
      if ((mode & 0o077) !== 0) {
        throw new AuthError(
          `Others can read ${path} (mode ${(mode & 0o777).toString(8)}), so they may know it. ${remedy}`,
        )
      }
    }
    if (size > MOST_BYTES)
      throw new AuthError(`${path} is not a secret: it has ${size} bytes. See ${dirname(path)}.`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

/**
 * Replaces a file of this user alone. It is written aside, synced and renamed: after a crash or a power loss the file
 * is either the old or the new one, and whole.
 */
export async function writePrivate(path: string, bytes: Uint8Array): Promise<void> {
  const aside = await writeAside(path, bytes)
  try {
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/**
 * Writes and syncs a file of this user alone beside the path.
 *
 * @returns its own path
 */
export async function writeAside(path: string, bytes: Uint8Array): Promise<string> {
  const aside = `${path}.${process.pid}.${newId(6)}`
  const file = await open(aside, 'wx', 0o600)
  try {
    // The umask cuts the mode of open().
    await file.chmod(0o600)
    await file.writeFile(bytes)
    await file.sync()
  } catch (error) {
    await rm(aside, { force: true })
    throw error
  } finally {
    await file.close()
  }
  return aside
}

/** A rename is durable when its folder is synced. Not every system can open a folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  if (folder === undefined) return
  try {
    await folder.sync().catch(() => undefined)
  } finally {
    await folder.close()
  }
}
