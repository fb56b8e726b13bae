import type { Command } from 'commander'
import type { HostStatus, MissingStatus } from '../../../bus/contract/status.js'
import { statePaths } from '../../../state/paths.js'
import type { StartOptions } from '../../../daemon/start.js'
import type { HostFlags } from '../../../host/process/settings.js'
import type { Cli } from '../../cli.js'
import { Exit } from '../../exit.js'
import type { Globals } from '../../options/globals.js'
import { addHostOptions, hostFlags, type HostOptions } from '../../options/host-options.js'

interface Options extends HostOptions {
  json?: boolean
}

export function addStart(program: Command, cli: Cli): void {
  const command = program
    .command('start')
    .summary('start the host in the background')
    .description(
      'Start the host in the background, if it is not running, and wait until it listens. An option without a flag or variable is as it was for the previous host on this port, unless you give --fresh.',
    )
    .option('--json', 'describe the host as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => start(cli, globals, options)))
}

export async function start(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const given = hostFlags(globals, options)
  const done = await startWith(cli, globals, given, options)
  const saysHow = Object.keys(options).some(key => key !== 'json') || given.token !== undefined
  if (saysHow) {
    const { differingFlags } = await import('../../work/differing.js')
    const differing = await differingFlags(given, globals.port)
    if (differing.length > 0)
      cli.talk(
        `that host runs with other options (${differing.join(', ')}) and keeps them: \`msgvan restart\` with these options starts it anew`,
      )
  }
  return done
}

/** The most lines about missing messages of a store. */
const MOST_MISSING = 10

/** A host with many messages to hand over needs time. */
const TAKING_OVER_MS = 360_000

/**
 * @returns false if another process has the port, once it was free
 */
async function takeOver(wanted: StartOptions): Promise<boolean> {
  const { startHost } = await import('../../../daemon/start.js')
  const { started } = await startHost({ ...wanted, takesOver: true, timeout: TAKING_OVER_MS })
  return started
}

/**
 * @param given the options of a command line, and those that an older host reported
 * @param takesOver the present host hands over its memory, and ends
 */
export async function startWith(
  cli: Cli,
  { port }: Globals,
  given: HostFlags,
  { json = false, fresh = false }: Options,
  takesOver = false,
): Promise<number> {
  const paths = statePaths()
  const { nextSettings } = await import('../../../daemon/next-settings.js')
  // Report wrong values here and now, not in a background process.
  await nextSettings(given, paths, fresh)
  const { ensureHost } = await import('../../../daemon/ensure.js')
  const { askHost } = await import('../../../daemon/find/ask.js')
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

/** The losses that the host found in its store. */
function warnOfMissing(cli: Cli, missing: readonly MissingStatus[]): void {
  const named = missing.slice(0, MOST_MISSING).map(({ text }) => text)
  const more = missing.length > named.length ? `; and ${missing.length - named.length} more` : ''
  if (named.length > 0)
    cli.talk(`warning: the store was damaged. Missing: ${named.join('; ')}${more} (msgvan status)`)
}

export function describeHost({ version, port, pid }: HostStatus): string {
  return `host ${version} on port ${port} (pid ${pid})`
}
