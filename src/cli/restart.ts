import type { Command } from 'commander'
import { somebodyListens } from '../daemon/listens.js'
import { statePaths } from '../daemon/paths.js'
import { hostSettings, type HostFlags } from '../host/settings.js'
import { goingOn, readKept } from '../host/settings-kept.js'
import { describe, UnsupportedError } from '../errors.js'
import type { RemoteBroker } from '../client/remote-broker.js'
import type { Cli } from './cli.js'
import type { Globals } from './globals.js'
import { addHostOptions, hostFlags, type HostOptions } from './host-options.js'
import { startWith } from './start.js'
import { stopIt } from './stop.js'

interface Options extends HostOptions {
  json?: boolean
}

export function addRestart(program: Command, cli: Cli): void {
  const command = program
    .command('restart')
    .summary('end the host and start one of this version')
    .description(
      'End the host, also one of another version, and start one of this version in the background. Its clients come back by themselves; named subscriptions, handlers and actors stay registered, and run their modules anew; capabilities stay. So do all other options of the host before, its token too, unless a flag or a variable says otherwise. Messages that waited in memory do not stay.',
    )
    .option('--json', 'print who the host is as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => restart(cli, globals, options)))
}

async function restart(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const given = hostFlags(globals, options)
  hostSettings(given)
  // A token is meant for the host to come.
  const own = { ...globals, token: undefined }
  const { leave, before } = await askBefore(cli, own)
  const flags = goingOn(given, before)
  // Before anything is ended: what it had and what is wanted now may not go together.
  hostSettings(flags)
  await stopIt(cli, own, options.json)
  const forget = await leave()
  try {
    return await startWith(cli, globals, flags, options.json === true)
  } finally {
    await forget()
  }
}

/** Much is lost if it cannot answer: a host that is only slow has time. */
const ASKING_MS = 30_000

interface Before {
  /** Leaves what is registered for the next one. @returns takes it away then */
  readonly leave: () => Promise<() => Promise<void>>
  /** With what options it was started. */
  readonly before: HostFlags
}

/** Asks the host what is registered in it, and how it was started. */
async function askBefore(cli: Cli, { port }: Globals): Promise<Before> {
  const { askHost } = await import('../daemon/ask.js')
  const { rm } = await import('node:fs/promises')
  const { writeRegistrations } = await import('../host/registrations.js')
  const paths = statePaths()
  const file = paths.registrations(port)
  const forget = (): Promise<void> => rm(file, { force: true })
  const nothing = (): Promise<() => Promise<void>> => Promise.resolve(forget)
  if (!(await somebodyListens(port).catch(() => false))) return { leave: nothing, before: {} }
  try {
    const ask = async (broker: RemoteBroker) => ({
      all: await broker.control('registrations'),
      settings: await broker.control('settings').catch(unknownToIt),
    })
    const { all, settings } = await askHost({ port, paths }, ask, ASKING_MS)
    const leave = async (): Promise<() => Promise<void>> => {
      await writeRegistrations(file, all)
      return forget
    }
    return { leave, before: settings === undefined ? {} : readKept(settings) }
  } catch (error) {
    // Said when the host has ended: a caller without proof is refused once, by that.
    const leave = (): Promise<() => Promise<void>> => {
      cli.talk(`what was registered in the host, and its options, are not kept: ${describe(error)}`)
      return nothing()
    }
    return { leave, before: {} }
  }
}

/** A host of before cannot say how it was started. */
function unknownToIt(error: unknown): undefined {
  if (!(error instanceof UnsupportedError)) throw error
}
