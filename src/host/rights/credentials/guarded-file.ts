import { open, stat } from 'node:fs/promises'
import { AuthError, describe, InvalidOptionError } from '../../../errors.js'

const MOST_BYTES = 16 * 1024 * 1024

/** A file and its state. */
export interface Version {
  readonly text: string
  /** Differs from that of the file before and after a change. */
  readonly version: string
}

/** @throws InvalidOptionError, AuthError if others can write the file */
export async function readVersion(path: string): Promise<Version> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new InvalidOptionError(`${path} cannot be read: ${describe(cause)}`, { cause })
  })
  try {
    const there = await file.stat()
    if (!there.isFile() || there.size > MOST_BYTES)
      throw new InvalidOptionError(`${path} is not a file of principals.`)
    const isOwn = process.getuid === undefined || there.uid === process.getuid() || there.uid === 0
    if (!isOwn || (process.getuid !== undefined && (there.mode & 0o022) !== 0))
      throw new AuthError(
        `Others can write ${path}, which says who may do what at this host. It must be yours or root's, and for others read-only: chmod go-w ${path}`,
      )
    return { text: await file.readFile('utf8'), version: stamp(there) }
  } finally {
    await file.close()
  }
}

export async function versionOf(path: string): Promise<string> {
  return stamp(await stat(path))
}

function stamp({
  ino,
  size,
  mtimeMs,
  ctimeMs,
}: Readonly<Record<'ino' | 'size' | 'mtimeMs' | 'ctimeMs', number>>) {
  return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
}
