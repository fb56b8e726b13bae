import type { Command } from 'commander'
import {
  autoStartSetting,
  portSetting,
  tokenSetting,
  vanSetting,
  verboseSetting,
} from '../../host/process/settings.js'

/** The options of every command: flag over environment over default. */
export interface Globals {
  readonly port: number
  readonly van: string
  readonly token: string | undefined
  readonly verbose: boolean
  readonly autoStart: boolean
}

interface GlobalFlags {
  port?: string
  van?: string
  token?: string
  verbose?: boolean
  start?: boolean
}

export function addGlobalOptions(program: Command): Command {
  return program
    .option('--port <port>', "the host's port (MSGVAN_PORT, default 1900)")
    .option('--van <name>', 'the van: messages of two vans never mix (MSGVAN_VAN)')
    .option('--token <token>', "the host's token, in place of this user's secret")
    .option('--verbose', 'report more on standard error (MSGVAN_VERBOSE=1)')
    .option('--no-start', 'do not start a host (MSGVAN_START=0)')
}

export function globalsOf(command: Command): Globals {
  const flags = command.optsWithGlobals<GlobalFlags>()
  return {
    port: portSetting(flags.port),
    van: vanSetting(flags.van),
    // Not from the environment: MSGVAN_TOKEN is the token that a host accepts. Its own user has the secret, and so more
    // rights.
    token: tokenSetting(flags.token, {}),
    verbose: verboseSetting(flags.verbose),
    autoStart: autoStartSetting(flags.start === false ? false : undefined),
  }
}
