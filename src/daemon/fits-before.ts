import { describe, HostUnreachableError, InvalidOptionError } from '../errors.js'
import { leaderUrl, listenAddress } from '../host/process/settings.js'
import type { LocalOptions } from './local-options.js'
import type { StatePaths } from '../state/paths.js'
import { readHostToken, readSettings, type KeptSettings } from './settings-file.js'

type Asked = Pick<LocalOptions, 'leader' | 'listen' | 'join'> & {
  readonly token?: string | undefined
}

/**
 * Whether there was a host on this port, whose options the next one gets.
 *
 * @throws HostUnreachableError if its options cannot be read
 * @throws InvalidOptionError if this bus asks for other ones
 */
export async function mustFitBefore(asked: Asked, paths: StatePaths, port: number): Promise<boolean> {
  const kept = await readSettings(paths, port).catch((error: unknown) => {
    throw new HostUnreachableError(
      `This machine's host could not be started on port ${port}: ${describe(error)}`,
      { cause: error },
    )
  })
  if (kept !== undefined) await mustNotContradict(asked, kept, paths, port)
  return kept !== undefined
}

/**
 * An option of `van()` overrides a default, but not the options that a user gave to the previous host: two such apps could
 * never share one host.
 *
 * @throws InvalidOptionError
 */
async function mustNotContradict(
  asked: Asked,
  kept: KeptSettings,
  paths: StatePaths,
  port: number,
): Promise<void> {
  const { leader, join, listen, tlsCa } = kept.flags
  const refuse = (was: string, wanted: string, flags: string): InvalidOptionError =>
    new InvalidOptionError(
      `This machine's host on port ${port} was started ${was} before, and will be again; this bus asks for ${wanted}. ` +
        `Leave that option out, or start the host as you want it: msgvan start --port ${port} ${flags}`,
    )
  if (asked.join !== undefined) {
    const wanted = leaderUrl(asked.join, tlsCa)
    if (leader === true) throw refuse('as a leader', `one that joins ${wanted}`, `--join ${wanted}`)
    if (join !== undefined && join !== wanted)
      throw refuse(`with --join ${join}`, `one that joins ${wanted}`, `--join ${wanted}`)
  }
  if (asked.leader === true && join !== undefined)
    throw refuse(`with --join ${join}`, 'one that leads', '--leader')
  if (asked.listen !== undefined && listen !== undefined && listenAddress(asked.listen) !== listen)
    throw refuse(`with --listen ${listen}`, `one at ${asked.listen}`, `--listen ${asked.listen}`)
  if (asked.token === undefined || !kept.hasToken) return
  // A missing token contradicts nothing.
  const token = await readHostToken(paths, port).catch(() => asked.token)
  if (token !== asked.token.trim())
    throw refuse('with another token', 'one with the token that it gives', 'with MSGVAN_TOKEN set')
}
