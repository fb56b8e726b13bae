import { existsSync } from 'node:fs'
import { InvalidOptionError } from '../../errors.js'
import { ensureHome, statePaths, type StatePaths } from '../../state/paths.js'
import { fileToken, localSecret } from '../../state/secret.js'
import { logTo, type Log } from '../../log/log.js'
import { createLogger } from '../../log/logger.js'
import { checkToken } from '../backbone/joining.js'
import { readTls, type TlsFiles } from '../listen/tls.js'
import { Principals } from '../rights/principals.js'
import { openHostLog, type HostLog, type LogLine } from './logs.js'
import type { HostSettings } from './settings.js'

/** The files that a host reads before it listens, and the logs that it writes. */
export interface HostFiles {
  readonly paths: StatePaths
  readonly secret: Uint8Array
  /** Undefined at a host with principals, but for one that joins: the token for its leader. */
  readonly token: string | undefined
  readonly principals: Principals | undefined
  readonly tls: TlsFiles
  /** Messages of the host itself. */
  readonly log: Log
  /** The output of handlers and actors. */
  readonly lines: HostLog
  /** Closes both logs. */
  close(): void
}

/**
 * @param echo gets each line of output too: the host runs in the foreground
 * @throws AuthError (no token, and the host listens beyond loopback, leads or joins), InvalidOptionError
 */
export async function openHostFiles(
  settings: HostSettings,
  echo: ((line: LogLine) => void) | undefined,
): Promise<HostFiles> {
  const paths = statePaths()
  await ensureHome(paths.home)
  const secret = await localSecret(paths)
  const tls = await readTls(settings)
  const logger = createLogger({
    program: 'msgvan-host',
    verbose: settings.verbose,
    file: echo === undefined ? paths.messages : undefined,
  })
  const log = logTo(logger)
  const principals = await openPrincipals(settings, paths, log).catch((error: unknown) => {
    logger.close()
    throw error
  })
  const token = await tokenFor(settings, paths, principals, text => log.warning(text))
  const lines = openHostLog(paths.log(settings.port), {
    ...(echo === undefined ? {} : { echo }),
    onError: error => log.error('the log of handlers cannot be written', error),
  })
  const close = (): void => {
    principals?.close()
    lines.close()
    logger.close()
  }
  return { paths, secret, token, principals, tls, log, lines, close }
}

/** @throws InvalidOptionError, AuthError: a host does not start with a file of principals that it cannot read */
async function openPrincipals(
  settings: HostSettings,
  paths: StatePaths,
  log: Log,
): Promise<Principals | undefined> {
  const file = settings.principals ?? paths.principals
  const isThere = settings.principals !== undefined || existsSync(file)
  if (!isThere) return undefined
  return Principals.open(file, { warn: text => log.warning(text), info: text => log.info(text) })
}

/** @throws AuthError, InvalidOptionError (a common token at a host with principals) */
async function tokenFor(
  settings: HostSettings,
  paths: StatePaths,
  principals: Principals | undefined,
  warn: (text: string) => void,
): Promise<string | undefined> {
  const token = settings.token ?? (await fileToken(paths))
  checkToken(settings, token, paths.token, principals !== undefined)
  if (principals === undefined || token === undefined || settings.join !== undefined) return token
  if (settings.token !== undefined)
    throw new InvalidOptionError(
      `A host with principals (${principals.file}) takes no --token (MSGVAN_TOKEN): each principal has its own.`,
    )
  warn(`this host has principals (${principals.file}): the token in ${paths.token} is not accepted`)
  return undefined
}
