import { rm } from 'node:fs/promises'
import type { RemoteBroker } from '../../client/remote-broker.js'
import { somebodyListens } from '../../daemon/find/listens.js'
import { statePaths, type StatePaths } from '../../state/paths.js'
import { isHostOn, readPidHint } from '../../state/pid-hint.js'
import { shortly } from '../../daemon/stop.js'
import { readSettings, type KeptSettings } from '../../daemon/settings-file.js'
import { describe, UnsupportedError, VersionMismatchError } from '../../errors.js'
import type { HostFlags } from '../../host/process/settings.js'
import type { Registrations } from '../../host/handlers/registrations.js'
import { readKept } from '../../host/process/settings-kept.js'
import type { Cli } from '../cli.js'

/** Much is lost without its answer, so a slow host has time. */
const ASKING_MS = 30_000

/** A restart's knowledge of the host that it ends. */
export interface HostBefore {
  /**
   * Leaves the registrations for the next host.
   *
   * @returns removes them again
   */
  readonly leave: () => Promise<() => Promise<void>>
  /** A client started it, not a user. */
  readonly auto: boolean
  /** It does not write down its options. */
  readonly isOlder: boolean
  /** The options that an older host reports. */
  readonly flags: HostFlags
  /** Where it keeps messages; undefined: it is older, and does not report it. */
  readonly keeps: 'nothing' | 'memory' | 'store' | undefined
  /** The vans with registrations, if it reports them. */
  readonly vans: readonly string[] | undefined
}

/** Its answer, or the reason why there is none. */
type Answer = { readonly registered: unknown; readonly settings: unknown } | { readonly why: unknown }

/**
 * Asks the host for its registrations, and finds out its options.
 *
 * @param isGiven the caller gives the options of the next host
 * @throws UnsupportedError if the options cannot be found out, and the caller gives none
 */
export async function askHostBefore(cli: Cli, port: number, isGiven: boolean): Promise<HostBefore> {
  const paths = statePaths()
  const forget = (): Promise<void> => rm(paths.registrations(port), { force: true })
  const nothing = (): Promise<() => Promise<void>> => Promise.resolve(forget)
  if (!(await somebodyListens(port).catch(() => false)))
    return { leave: nothing, auto: false, isOlder: false, flags: {}, keeps: 'nothing', vans: [] }

  const answer = await ask(paths, port)
  const written = await writtenByIt(paths, port, isGiven)
  const settings = 'settings' in answer ? answer.settings : undefined
  if (written === undefined && settings === undefined && !isGiven)
    throw await unknownStart(paths, port, 'why' in answer ? answer.why : undefined)

  const leave = async (): Promise<() => Promise<void>> => {
    if ('why' in answer) {
      // Reported when the host has ended: before that a caller without proof is refused once.
      cli.talk(`the registrations of the host are not kept: ${shortly(answer.why)}`)
      return nothing()
    }
    const { writeRegistrations } = await import('../../host/handlers/registrations.js')
    await writeRegistrations(paths.registrations(port), answer.registered)
    return forget
  }
  return {
    leave,
    auto: written?.auto ?? false,
    isOlder: written === undefined,
    flags: written === undefined && settings !== undefined ? readKept(settings) : {},
    keeps: keeps(written?.flags ?? (settings === undefined ? undefined : readKept(settings))),
    vans: 'registered' in answer ? vansOf(answer.registered) : undefined,
  }
}

function keeps(flags: HostFlags | undefined): HostBefore['keeps'] {
  if (flags === undefined) return undefined
  return flags.store === undefined ? 'memory' : 'store'
}

function vansOf(registered: unknown): string[] {
  const { subscriptions, handlers, actors } = registered as Registrations
  return [...new Set(['default', ...[...subscriptions, ...handlers, ...actors].map(({ van }) => van)])]
}

async function ask(paths: StatePaths, port: number): Promise<Answer> {
  const { askHost } = await import('../../daemon/find/ask.js')
  const all = async (broker: RemoteBroker): Promise<Answer> => ({
    registered: await broker.callHost('registrations'),
    settings: await broker.callHost('settings').catch(unknownToIt),
  })
  return askHost({ port, paths }, all, ASKING_MS).catch((why: unknown) => ({ why }))
}

/** An older host cannot report its options. */
function unknownToIt(error: unknown): undefined {
  if (!(error instanceof UnsupportedError)) throw error
}

/** The options that the running host wrote down; not those of an earlier host. */
async function writtenByIt(
  paths: StatePaths,
  port: number,
  isGiven: boolean,
): Promise<KeptSettings | undefined> {
  const kept = await readSettings(paths, port).catch((error: unknown) => {
    if (isGiven) return undefined
    throw error
  })
  return kept !== undefined && (await isHostOn(kept.pid, port)) ? kept : undefined
}

/** The reason to leave it running: the next one would differ, for example lack the store of this one. */
async function unknownStart(paths: StatePaths, port: number, why: unknown): Promise<unknown> {
  const pid = await readPidHint(paths, port)
  // The process there is not a host of this user. Its errors were reported already.
  if (why !== undefined && (pid === undefined || !(await isHostOn(pid, port)))) return why
  const said = why instanceof VersionMismatchError ? 'it speaks another protocol' : describe(why)
  const because = why === undefined ? '' : ` (${said.replace(/\.$/, '')})`
  return new UnsupportedError(
    `The host on port ${port} cannot report its options${because}. It still runs: the next one might lack its store. ` +
      'Give the options for the next one, such as `msgvan restart --store DIR`; or `--fresh` for none.',
    { cause: why },
  )
}
