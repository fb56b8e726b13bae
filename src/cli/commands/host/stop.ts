import type { Command } from 'commander'
import { statePaths } from '../../../state/paths.js'
import type { StopOutcome } from '../../../daemon/stop.js'
import type { Cli } from '../../cli.js'
import { Exit } from '../../exit.js'
import type { Globals } from '../../options/globals.js'

interface Options {
  json?: boolean
}

export function addStop(program: Command, cli: Cli): void {
  program
    .command('stop')
    .summary('end the host')
    .description(
      'End the host in order, and wait until it is gone. Its memory goes with it: named subscriptions, handlers, pending messages.',
    )
    .option('--json', 'print the outcome as a JSON object')
    .action(cli.action<Options>((globals, options) => stop(cli, globals, options)))
}

async function stop(cli: Cli, globals: Globals, { json = false }: Options): Promise<number> {
  const outcome = await stopIt(cli, globals, json)
  if (json) await cli.output.json(JSON.stringify(outcome))
  return Exit.Done
}

/** Stops the host and reports it. */
export async function stopIt(
  cli: Cli,
  { port, token }: Globals,
  quiet = false,
  isRestart = false,
): Promise<StopOutcome> {
  const { stopHost } = await import('../../../daemon/stop.js')
  const outcome = await stopHost({ port, token, paths: statePaths() }, { isRestart })
  if (outcome.was === 'terminated' || outcome.was === 'killed') {
    const signal = outcome.was === 'killed' ? 'SIGKILL' : 'SIGTERM'
    cli.talk(
      `the host on port ${port} did not end in order (${outcome.why}): ended process ${outcome.pid} by ${signal}`,
    )
  } else if (!quiet) {
    cli.talk(
      outcome.was === 'absent'
        ? `no host is running on port ${port}`
        : `the host on port ${port} has ended (pid ${outcome.pid})`,
    )
  }
  return outcome
}
