import type { Command } from 'commander'
import { readPrivate } from '../../state/private-file.js'
import { InvalidOptionError } from '../../errors.js'
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
  tokenFile?: string
  verbose?: boolean
  start?: boolean
}

export function addGlobalOptions(program: Command): Command {
  return program
    .option('--port <port>', "the host's port (MSGVAN_PORT, default 1900)")
    .option('--van <name>', 'the van: messages of two vans never mix (MSGVAN_VAN)')
    .option('--token <token>', "the host's token, in place of this user's secret")
    .option('--token-file <file>', 'the same, in a file that only you can read')
    .option('--verbose', 'report more on standard error (MSGVAN_VERBOSE=1)')
    .option('--no-start', 'do not start a host (MSGVAN_START=0)')
}

export async function globalsOf(command: Command): Promise<Globals> {
  const flags = command.optsWithGlobals<GlobalFlags>()
  return {
    port: portSetting(flags.port),
    van: vanSetting(flags.van),
    // Not from the environment: MSGVAN_TOKEN is the token that a host accepts. Its own user has the secret, and so more
    // rights.
    token: tokenSetting(await tokenOf(flags), {}),
    verbose: verboseSetting(flags.verbose),
    autoStart: autoStartSetting(flags.start === false ? false : undefined),
  }
}

/**
 * @throws InvalidOptionError with both options, or without such a file
 * @throws AuthError if others can read the file
 */
async function tokenOf({ token, tokenFile }: GlobalFlags): Promise<string | undefined> {
  if (tokenFile === undefined) return token
  if (token !== undefined) throw new InvalidOptionError('Give --token or --token-file, not both.')
  const bytes = await readPrivate(tokenFile, 'Use another token, in a file of mode 600.')
  if (bytes === undefined) throw new InvalidOptionError(`--token-file: there is no file ${tokenFile}.`)
  return Buffer.from(bytes).toString('utf8').trim()
}
