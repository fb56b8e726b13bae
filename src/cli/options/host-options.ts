import { Option, type Command } from 'commander'
import type { HostFlags } from '../../host/process/settings.js'
import { settingsByKey } from '../../host/process/settings-table.js'
import type { Globals } from './globals.js'

/**
 * The options of `host`, `start` and `restart` beside those of all commands. The table of settings checks each text.
 */
export interface HostOptions extends Omit<HostFlags, 'port' | 'token' | 'verbose'> {
  fresh?: boolean
  /** Only for `host`, when another process starts it. */
  report?: string
  takeOver?: boolean
}

/** An option that commander stores under the key of its setting: `--origin` as `origins`. */
class HostOption extends Option {
  constructor(
    flags: string,
    help: string,
    private readonly key: string,
  ) {
    super(flags, help)
  }

  override attributeName(): string {
    return this.key
  }
}

export function addHostOptions(command: Command): Command {
  for (const [key, { flag, takes, variable, shown, help, isGlobal }] of settingsByKey)
    if (isGlobal !== true)
      command.addOption(
        new HostOption(`${flag} ${takes}`.trim(), `${help} (${variable}, default: ${shown})`, key),
      )
  return command.option('--fresh', 'ignore the options of the previous host on this port')
}

/** All flags of a command line, for the table of settings. */
export function hostFlags(globals: Globals, options: HostOptions): HostFlags {
  const { port, token, verbose } = globals
  const flags = { ...options }
  delete flags.fresh
  delete flags.report
  delete flags.takeOver
  return { port: String(port), token, verbose, ...flags }
}
