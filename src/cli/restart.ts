import type { Command } from 'commander'
import { hostSettings } from '../host/settings.js'
import type { Cli } from './cli.js'
import type { Globals } from './globals.js'
import { addHostOptions, hostFlags, type HostOptions } from './host-options.js'
import { start } from './start.js'
import { stopIt } from './stop.js'

interface Options extends HostOptions {
  json?: boolean
}

export function addRestart(program: Command, cli: Cli): void {
  const command = program
    .command('restart')
    .summary('end the host and start one of this version')
    .description(
      'End the host, also one of another version, and start one of this version in the\nbackground. Its clients come back by themselves; what it kept in memory does not.\nThe options of the host before are not kept: give them again.',
    )
    .option('--json', 'print who the host is as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => restart(cli, globals, options)))
}

async function restart(cli: Cli, globals: Globals, options: Options): Promise<number> {
  hostSettings(hostFlags(globals, options))
  // A token is meant for the host to come.
  await stopIt(cli, { ...globals, token: undefined }, options.json)
  return start(cli, globals, options)
}
