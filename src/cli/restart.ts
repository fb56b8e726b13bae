import type { Command } from 'commander'
import { somebodyListens } from '../daemon/listens.js'
import { statePaths } from '../daemon/paths.js'
import { hostSettings } from '../host/settings.js'
import { describe } from '../errors.js'
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
      'End the host, also one of another version, and start one of this version in the background. Its clients come back by themselves; named subscriptions, handlers and actors stay registered, and run their modules anew; capabilities stay. Messages that waited in memory do not stay. Other options of the host before are not kept: give them again.',
    )
    .option('--json', 'print who the host is as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => restart(cli, globals, options)))
}

async function restart(cli: Cli, globals: Globals, options: Options): Promise<number> {
  hostSettings(hostFlags(globals, options))
  // A token is meant for the host to come.
  const own = { ...globals, token: undefined }
  const leave = await registered(cli, own)
  await stopIt(cli, own, options.json)
  const forget = await leave()
  try {
    return await start(cli, globals, options)
  } finally {
    await forget()
  }
}

/** Asks the host what is registered in it. @returns what leaves that for the next one, and then what takes it away */
async function registered(cli: Cli, { port }: Globals): Promise<() => Promise<() => Promise<void>>> {
  const { askHost } = await import('../daemon/ask.js')
  const { rm } = await import('node:fs/promises')
  const { writeRegistrations } = await import('../host/registrations.js')
  const paths = statePaths()
  const file = paths.registrations(port)
  const forget = (): Promise<void> => rm(file, { force: true })
  const nothing = (): Promise<() => Promise<void>> => Promise.resolve(forget)
  if (!(await somebodyListens(port).catch(() => false))) return nothing
  try {
    const all = await askHost({ port, paths }, broker => broker.control('registrations'))
    return async () => {
      await writeRegistrations(file, all)
      return forget
    }
  } catch (error) {
    // Said when the host has ended: a caller without proof is refused once, by that.
    return () => {
      cli.talk(`what was registered in the host is not kept: ${describe(error)}`)
      return nothing()
    }
  }
}
