import { randomBytes } from 'node:crypto'
import { link, rm } from 'node:fs/promises'
import { PRINCIPAL_VARIABLE } from '../workers/worker-environment.js'
import type { KnownSecret } from '../client/connection/credential.js'
import { AuthError, codeOf } from '../errors.js'
import { checkHome, ensureHome, type StatePaths } from './paths.js'
import { readPrivate, writeAside } from './private-file.js'

export const SECRET_BYTES = 32

const BEGIN_ANEW = 'Delete it, and run `msgvan restart`.'

/**
 * This user's secret, made now if it does not exist. However many processes ask at once, all get the same.
 *
 * @throws AuthError if others can read the file, or msgvan did not write it
 */
export async function localSecret(paths: StatePaths): Promise<Uint8Array> {
  await ensureHome(paths.home)
  return checkSecret(paths, (await readPrivate(paths.secret, BEGIN_ANEW)) ?? (await makeSecret(paths.secret)))
}

/**
 * This user's secret for a client. It makes no file: without one there never was a host of this user, and random bytes
 * stand for a secret that no host knows.
 *
 * @throws AuthError as above
 */
export async function knownSecret(paths: StatePaths): Promise<Uint8Array> {
  const isThere = await checkHome(paths.home)
  const bytes = isThere ? await readPrivate(paths.secret, BEGIN_ANEW) : undefined
  return bytes === undefined ? randomBytes(SECRET_BYTES) : checkSecret(paths, bytes)
}

/**
 * The credential of this process for hosts of this user: the secret. Handlers and actors of a principal have no more rights than that
 * principal, and their environment names it.
 *
 * @throws AuthError as above
 */
export async function ownCredential(
  paths: StatePaths,
  env: NodeJS.ProcessEnv = process.env,
): Promise<KnownSecret> {
  const principal = env[PRINCIPAL_VARIABLE]
  const worker = principal === undefined || principal === '' ? undefined : { principal }
  return { kind: 'secret', secret: await knownSecret(paths), worker }
}

function checkSecret({ secret }: StatePaths, bytes: Uint8Array): Uint8Array {
  if (bytes.length === SECRET_BYTES) return bytes
  throw new AuthError(
    `The secret in ${secret} is damaged (${bytes.length} bytes where ${SECRET_BYTES} belong). ` +
      'Run `msgvan stop`, delete the file, and start again.',
  )
}

/**
 * The token of the token file; undefined if it does not exist.
 *
 * @throws AuthError if others can read the file, or it is empty
 */
export async function fileToken(paths: StatePaths): Promise<string | undefined> {
  const bytes = await readPrivate(paths.token, BEGIN_ANEW)
  if (bytes === undefined) return undefined
  const token = Buffer.from(bytes).toString('utf8').trim()
  if (token === '')
    throw new AuthError(`The token file ${paths.token} is empty. Write a token into it, or delete it.`)
  return token
}

/** Written aside and then linked into place: the file is there whole or not at all, and the first link wins. */
async function makeSecret(path: string): Promise<Uint8Array> {
  const aside = await writeAside(path, randomBytes(SECRET_BYTES))
  try {
    await link(aside, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  } finally {
    await rm(aside, { force: true })
  }
  const bytes = await readPrivate(path, BEGIN_ANEW)
  if (bytes === undefined)
    throw new AuthError(`The secret ${path} was deleted while it was being made. Try again.`)
  return bytes
}
