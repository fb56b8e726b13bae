import { ensureHome, statePaths, type StatePaths } from '../../daemon/files/paths.js'
import { fileToken, localSecret } from '../../daemon/files/secret.js'
import { logTo, type Log } from '../../log/log.js'
import { createLogger } from '../../log/logger.js'
import { checkToken } from '../backbone/joining.js'
import { readTls, type TlsFiles } from '../listen/tls.js'
import { openHostLog, type HostLog, type LogLine } from './logs.js'
import type { HostSettings } from './settings.js'

/** The files that a host reads before it listens, and the logs that it writes. */
export interface HostFiles {
  readonly paths: StatePaths
  readonly secret: Uint8Array
  readonly token: string | undefined
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
  const token = settings.token ?? (await fileToken(paths))
  checkToken(settings, token, paths.token)
  const tls = await readTls(settings)
  const logger = createLogger({
    program: 'msgvan-host',
    verbose: settings.verbose,
    file: echo === undefined ? paths.messages : undefined,
  })
  const log = logTo(logger)
  const lines = openHostLog(paths.log(settings.port), {
    ...(echo === undefined ? {} : { echo }),
    onError: error => log.error('the log of handlers cannot be written', error),
  })
  const close = (): void => {
    lines.close()
    logger.close()
  }
  return { paths, secret, token, tls, log, lines, close }
}
