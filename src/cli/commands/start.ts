import type { Command } from 'commander'
import type { HostStatus, MissingStatus } from '../../bus/contract/status.js'
import { statePaths } from '../../daemon/files/paths.js'
import type { StartOptions } from '../../daemon/start.js'
import type { HostFlags } from '../../host/process/settings.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { addHostOptions, hostFlags, type HostOptions } from '../options/host-options.js'

interface Options extends HostOptions {
  json?: boolean
}

export function addStart(program: Command, cli: Cli): void {
  const command = program
    .command('start')
    .summary('start the host in the background')
    .description(
      'Start the host in the background, if it is not running, and wait until it listens. What no flag and no variable says is as the host before on this port was started with, unless --fresh is given.',
    )
    .option('--json', 'print who the host is as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => start(cli, globals, options)))
}

export async function start(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const given = hostFlags(globals, options)
  const done = await startWith(cli, globals, given, options)
  const saysHow = Object.keys(options).some(key => key !== 'json') || given.token !== undefined
  if (saysHow) {
    const { differingFlags } = await import('../work/differing.js')
    const differing = await differingFlags(given, globals.port)
    if (differing.length > 0)
      cli.talk(
        `that host was started otherwise (${differing.join(', ')}), and stays so: \`msgvan restart\` with these options starts it anew`,
      )
  }
  return done
}

/** Of what is missing in a store. */
const MOST_MISSING = 10

/** A host that has much to hand over has time. */
const TAKING_OVER_MS = 360_000

/** @returns false if somebody else has the port, once it was free */
async function takeOver(wanted: StartOptions): Promise<boolean> {
  const { startHost } = await import('../../daemon/start.js')
  const { started } = await startHost({ ...wanted, takesOver: true, timeout: TAKING_OVER_MS })
  return started
}

/**
 * @param given those of a command line, and what an older host said of itself
 * @param takesOver the host that is there hands over what is in its memory, and ends
 */
export async function startWith(
  cli: Cli,
  { port }: Globals,
  given: HostFlags,
  { json = false, fresh = false }: Options,
  takesOver = false,
): Promise<number> {
  const paths = statePaths()
  const { nextSettings } = await import('../../daemon/next-settings.js')
  // Wrong values are said here and now, not by a background process.
  await nextSettings(given, paths, fresh)
  const { ensureHost } = await import('../../daemon/ensure.js')
  const { askHost } = await import('../../daemon/ask.js')
  const { capabilities, ...flags } = given
  const wanted = {
    ...{ ...flags, port, paths, fresh },
    capabilities:
      capabilities === undefined ? undefined : (JSON.parse(capabilities) as Record<string, unknown>),
  }
  const hasTakenOver = takesOver && (await takeOver(wanted))
  const isNew = hasTakenOver || (await ensureHost({ ...wanted, autoStart: true }))
  const { host, missing = [] } = await askHost({ port, paths }, broker => broker.control.status())
  if (isNew) warnOfMissing(cli, missing)
  if (json) await cli.output.json(JSON.stringify({ started: isNew, host }))
  else cli.talk(`${describeHost(host)} ${isNew ? 'is up' : 'was running already'}`)
  return Exit.Done
}

/** Of its store, as it found it. */
function warnOfMissing(cli: Cli, missing: readonly MissingStatus[]): void {
  const named = missing.slice(0, MOST_MISSING).map(({ text }) => text)
  const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : ''
  if (named.length > 0)
    cli.talk(`warning: the store was damaged. Missing: ${named.join('; ')}${more} (msgvan status)`)
}

export function describeHost({ version, port, pid }: HostStatus): string {
  return `host ${version} on port ${port} (pid ${pid})`
}
