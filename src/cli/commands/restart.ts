import type { Command } from 'commander'
import { statePaths } from '../../daemon/files/paths.js'
import { describe, StoreInUseError } from '../../errors.js'
import { goingOn } from '../../host/process/settings-kept.js'
import type { Cli } from '../cli.js'
import type { Globals } from '../options/globals.js'
import type { HostBefore } from '../work/host-before.js'
import { addHostOptions, hostFlags, type HostOptions } from '../options/host-options.js'
import { startWith } from './start.js'
import { stopIt } from './stop.js'

interface Options extends HostOptions {
  json?: boolean
  loseWaiting?: boolean
}

export function addRestart(program: Command, cli: Cli): void {
  const command = program
    .command('restart')
    .summary('end the host and start one of this version')
    .description(
      'End the host, also one of another version, and start one of this version in the background. Its clients come back by themselves; named subscriptions, handlers and actors stay registered, and run their modules anew; capabilities stay. So do all other options of the host before, its token too, unless a flag or a variable says otherwise or --fresh is given. An older host that cannot say its options is left as it is, unless you give some. Messages that wait in its memory go with it: the next host loads first, then the host before writes them down, and ends. If that fails it goes on. An older host cannot hand them over, and is left as it is while any wait.',
    )
    .option('--lose-waiting', 'go on even if messages that wait in memory cannot be handed over')
    .option('--json', 'print who the host is as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => restart(cli, globals, options)))
}

async function restart(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const { json, fresh = false, loseWaiting = false, ...said } = options
  const given = hostFlags(globals, { ...said, fresh })
  // A token is meant for the host to come.
  const own = { ...globals, token: undefined }
  const isGiven = fresh || Object.keys(said).length > 0 || Boolean(process.env['MSGVAN_STORE'])
  const { nextSettings } = await import('../../daemon/next-settings.js')
  const { askHostBefore } = await import('../work/host-before.js')
  const before = await askHostBefore(cli, globals.port, isGiven)
  const flags = fresh ? given : { ...goingOn(given, before.flags), auto: before.auto }
  // What is written down is of another host than an older one, which writes nothing.
  const isFresh = fresh || before.isOlder
  // Before anything is ended: what it had and what is wanted now may not go together.
  const { settings, flags: kept } = await nextSettings(flags, statePaths(), isFresh)
  if (before.isOlder && !loseWaiting) await checkOlder(globals.port, before, options.store)
  const next = { ...options, fresh: isFresh }
  // A client may be faster than this command to start the next one: it is to be as it is wanted here.
  const { announceSettings } = await import('../../daemon/files/settings-file.js')
  const withdraw = await announceSettings(statePaths(), globals.port, { flags: kept, auto: settings.auto })
  try {
    if (before.keeps === 'memory' && !before.isOlder) {
      try {
        return await startWith(cli, globals, flags, next, true)
      } catch (error) {
        if (!loseWaiting) throw error
        cli.talk(describe(error))
      }
    }
    await stopIt(cli, own, json)
    const forget = await before.leave()
    try {
      return await startWith(cli, globals, flags, next)
    } finally {
      await forget()
    }
  } catch (error) {
    await withdraw()
    throw error
  }
}

/** @throws UnsupportedError if messages would be lost with an older host, or nobody knows */
async function checkOlder(
  port: number,
  { keeps, vans }: HostBefore,
  store: string | undefined,
): Promise<void> {
  if (keeps === 'store' || (store !== undefined && (await isInUse(store)))) return
  const { checkNothingWaits } = await import('../work/waiting.js')
  await checkNothingWaits(port, vans)
}

/** The store that the next host is to have is that of the one before. */
async function isInUse(folder: string): Promise<boolean> {
  const { lockFolder } = await import('../../store/folder-lock.js')
  try {
    const unlock = await lockFolder(folder)
    await unlock()
    return false
  } catch (error) {
    return error instanceof StoreInUseError
  }
}
