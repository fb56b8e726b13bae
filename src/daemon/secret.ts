import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AuthError, describe } from '../errors.js'
import { ensureHome, type StatePaths } from './paths.js'

export const SECRET_BYTES = 32

/** The longest token file that is read. */
const MOST_TOKEN_BYTES = 4096

/**
 * This user's secret, made now if there is none. However many processes ask at once, all get the same.
 *
 * @throws AuthError if others can read the file, or it is not what msgvan wrote
 */
export async function localSecret(paths: StatePaths): Promise<Uint8Array> {
  await ensureHome(paths.home)
  const bytes = (await readPrivate(paths.secret)) ?? (await makeSecret(paths.secret))
  if (bytes.length !== SECRET_BYTES) {
    throw new AuthError(
      `The secret in ${paths.secret} is damaged (${bytes.length} bytes where ${SECRET_BYTES} belong). ` +
        'Run `msgvan stop`, delete the file, and start again.',
    )
  }
  return bytes
}

/**
 * The token of the token file; undefined if there is none.
 *
 * @throws AuthError if others can read the file, or it is empty
 */
export async function fileToken(paths: StatePaths): Promise<string | undefined> {
  const bytes = await readPrivate(paths.token)
  if (bytes === undefined) return undefined
  const token = Buffer.from(bytes).toString('utf8').trim()
  if (token === '')
    throw new AuthError(`The token file ${paths.token} is empty. Write a token into it, or delete it.`)
  return token
}

/** Written aside and then linked into place: the file is there whole or not at all, and the first to link wins. */
async function makeSecret(path: string): Promise<Uint8Array> {
  const aside = `${path}.${process.pid}.${randomBytes(6).toString('hex')}`
  const file = await open(aside, 'wx', 0o600)
  try {
    try {
      await file.chmod(0o600)
      await file.writeFile(randomBytes(SECRET_BYTES))
      await file.sync()
    } finally {
      await file.close()
    }
    await link(aside, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  } finally {
    await rm(aside, { force: true })
  }
  const bytes = await readPrivate(path)
  if (bytes === undefined)
    throw new AuthError(`The secret ${path} was deleted while it was being made. Try again.`)
  return bytes
}

/** The bytes of a file that only this user can read; undefined if there is none. Never through a symbolic link. */
async function readPrivate(path: string): Promise<Uint8Array | undefined> {
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- Windows has no O_NOFOLLOW
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0)
  const file = await open(path, flags).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new AuthError(
      `Cannot read ${path}: ${describe(error)}. It must be a file of yours with mode 600.`,
      {
        cause: error,
      },
    )
  })
  if (file === undefined) return undefined
  try {
    const { uid, mode, size } = await file.stat()
    if (process.getuid !== undefined) {
      if (uid !== process.getuid()) {
        throw new AuthError(
          `${path} belongs to another user (${uid}). Delete it, or set MSGVAN_HOME to a folder of your own.`,
        )
      }
      if ((mode & 0o077) !== 0) {
        throw new AuthError(
          `Others can read ${path} (mode ${(mode & 0o777).toString(8)}), so it may be known to them. Delete it, and run \`msgvan restart\`.`,
        )
      }
    }
    if (size > MOST_TOKEN_BYTES)
      throw new AuthError(`${path} is no secret: it has ${size} bytes. See ${dirname(path)}.`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
