import type { Command } from 'commander'
import { statePaths } from '../../../state/paths.js'
import { StoreInUseError } from '../../../errors.js'
import { goingOn } from '../../../host/process/settings-kept.js'
import type { Cli } from '../../cli.js'
import { lineOf } from '../../exit.js'
import type { Globals } from '../../options/globals.js'
import type { HostBefore } from '../../work/host-before.js'
import { addHostOptions, hostFlags, type HostOptions } from '../../options/host-options.js'
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
      'End the host, also one of another version, and start one of this version in the background. Its clients come back by themselves; named subscriptions, handlers and actors stay registered, and run their modules anew; capabilities stay. So do all other options of the present host, its token too, unless you give a flag, a variable or --fresh. An older host that cannot report its options runs on, unless you give some. Messages in its memory move too: the next host loads first, then the present host writes them down, and ends. If that fails it runs on. An older host cannot hand them over, and runs on while it has any.',
    )
    .option('--lose-waiting', 'go on even if messages in memory cannot be handed over')
    .option('--json', 'describe the host as a JSON object')
  addHostOptions(command).action(cli.action<Options>((globals, options) => restart(cli, globals, options)))
}

async function restart(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const { json, fresh = false, loseWaiting = false, ...ownOptions } = options
  const given = hostFlags(globals, { ...ownOptions, fresh })
  // A token on the command line is for the next host.
  const own = { ...globals, token: undefined }
  const isGiven = fresh || Object.keys(ownOptions).length > 0 || Boolean(process.env['MSGVAN_STORE'])
  const { nextSettings } = await import('../../../daemon/next-settings.js')
  const { askHostBefore } = await import('../../work/host-before.js')
  const before = await askHostBefore(cli, globals.port, isGiven)
  const flags = fresh ? given : { ...goingOn(given, before.flags), auto: before.auto }
  // An older host writes nothing down, so the file is of another host.
  const isFresh = fresh || before.isOlder
  // Before anything ends: the present store and the new options may not fit together.
  const { settings, flags: kept } = await nextSettings(flags, statePaths(), isFresh)
  if (before.isOlder && !loseWaiting) await checkOlder(globals.port, before, options.store)
  const next = { ...options, fresh: isFresh }
  // A client may start the next host before this command does: that host has these options, too.
  const { announceSettings } = await import('../../../daemon/settings-file.js')
  const withdraw = await announceSettings(statePaths(), globals.port, { flags: kept, auto: settings.auto })
  try {
    if (before.keeps === 'memory' && !before.isOlder) {
      try {
        return await startWith(cli, globals, flags, next, true)
      } catch (error) {
        if (!loseWaiting) throw error
        cli.talk(lineOf(error) ?? '')
      }
    }
    await stopIt(cli, own, json, true)
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

/**
 * @throws UnsupportedError if messages would be lost with an older host, or it does not report them
 */
async function checkOlder(
  port: number,
  { keeps, vans }: HostBefore,
  store: string | undefined,
): Promise<void> {
  if (keeps === 'store' || (store !== undefined && (await isInUse(store)))) return
  const { checkNothingWaits } = await import('../../work/waiting.js')
  await checkNothingWaits(port, vans)
}

/** The next host is to have the store of the present one. */
async function isInUse(folder: string): Promise<boolean> {
  const { lockFolder } = await import('../../../store/folder-lock.js')
  try {
    const unlock = await lockFolder(folder)
    await unlock()
    return false
  } catch (error) {
    return error instanceof StoreInUseError
  }
}
