import { rm } from 'node:fs/promises'
import type { RemoteBroker } from '../../client/remote-broker.js'
import { somebodyListens } from '../../daemon/listens.js'
import { statePaths, type StatePaths } from '../../daemon/files/paths.js'
import { isHostOn, readPidHint } from '../../daemon/files/pid-hint.js'
import { shortly } from '../../daemon/stop.js'
import { readSettings, type KeptSettings } from '../../daemon/files/settings-file.js'
import { describe, UnsupportedError, VersionMismatchError } from '../../errors.js'
import type { HostFlags } from '../../host/process/settings.js'
import type { Registrations } from '../../host/handlers/registrations.js'
import { readKept } from '../../host/process/settings-kept.js'
import type { Cli } from '../cli.js'

/** Much is lost if it cannot answer: a host that is only slow has time. */
const ASKING_MS = 30_000

/** What a restart knows of the host that it ends. */
export interface HostBefore {
  /** Leaves what is registered for the next one. @returns takes it away then */
  readonly leave: () => Promise<() => Promise<void>>
  /** A client started it, not a user. */
  readonly auto: boolean
  /** It does not write down how it was started. */
  readonly isOlder: boolean
  /** What an older one says of how it was started. */
  readonly flags: HostFlags
  /** Where it keeps what it owes; undefined: it is older, and does not say. */
  readonly keeps: 'nothing' | 'memory' | 'store' | undefined
  /** The vans in which something is registered, as far as it says so. */
  readonly vans: readonly string[] | undefined
}

/** What it answered, or why it did not. */
type Answer = { readonly registered: unknown; readonly settings: unknown } | { readonly why: unknown }

/**
 * Asks the host what is registered in it, and finds out how it was started.
 *
 * @param isGiven the caller says how the next one is to be
 * @throws UnsupportedError if how it was started cannot be found out, and the caller does not say how the next one is to be
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
      // Said when the host has ended: a caller without proof is refused once, by that.
      cli.talk(`what was registered in the host is not kept: ${shortly(answer.why)}`)
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
  const { askHost } = await import('../../daemon/ask.js')
  const all = async (broker: RemoteBroker): Promise<Answer> => ({
    registered: await broker.callHost('registrations'),
    settings: await broker.callHost('settings').catch(unknownToIt),
  })
  return askHost({ port, paths }, all, ASKING_MS).catch((why: unknown) => ({ why }))
}

/** A host of before cannot say how it was started. */
function unknownToIt(error: unknown): undefined {
  if (!(error instanceof UnsupportedError)) throw error
}

/** What the host that runs has written down, and not one before it. */
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

/** Why it is not ended: the next one would be of another kind, as one without the store of this one. */
async function unknownStart(paths: StatePaths, port: number, why: unknown): Promise<unknown> {
  const pid = await readPidHint(paths, port)
  // Whoever is there is no host of this user: what there is to say of it was said.
  if (why !== undefined && (pid === undefined || !(await isHostOn(pid, port)))) return why
  const said = why instanceof VersionMismatchError ? 'it speaks another protocol' : describe(why)
  const because = why === undefined ? '' : ` (${said.replace(/\.$/, '')})`
  return new UnsupportedError(
    `The host on port ${port} cannot say how it was started${because}. It runs still: the next one might lack its store. ` +
      'Give the options that the next one needs, such as `msgvan restart --store DIR`; or `--fresh`, if it needs none.',
    { cause: why },
  )
}
