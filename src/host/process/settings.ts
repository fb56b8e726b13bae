import { resolve } from 'node:path'
import { InvalidOptionError } from '../../errors.js'
import { shownAddress } from '../../message/check-option.js'
import {
  SETTINGS,
  settingsByKey,
  type FlagValue,
  type HostFlags,
  type HostSettings,
  type Setting,
} from './settings-table.js'
import { vanName, oneOrZero } from './setting-values.js'

export { listenAddress, listenAt, leaderUrl, milliseconds, port } from './setting-values.js'
export type { HostFlags, HostSettings } from './settings-table.js'

/**
 * Flag over environment over default.
 *
 * @throws InvalidOptionError naming the flag or the variable with an invalid value
 */
export function hostSettings(flags: HostFlags, env: NodeJS.ProcessEnv = process.env): HostSettings {
  const auto = flags.auto === true
  const ca = flags.tlsCa ?? env[SETTINGS.tlsCa.variable]
  const values = settingsByKey.map(([key, each]) => [
    each.field,
    given(each, flags[key], env, ca) ?? (auto ? (each.autoDefault ?? each.default) : each.default),
  ])
  // The table gives each field its type, which `fromEntries` cannot see.
  const settings = { ...Object.fromEntries(values), auto } as HostSettings
  mustFit(settings, flags)
  return settings
}

/**
 * @throws InvalidOptionError if some of them do not go together
 */
function mustFit({ leader, join, tlsCert, tlsKey, store }: HostSettings, flags: HostFlags): void {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new InvalidOptionError(
      'A certificate goes with its key: give --tls-cert and --tls-key (MSGVAN_TLS_CERT, MSGVAN_TLS_KEY).',
    )
  if (leader && join !== undefined)
    throw new InvalidOptionError(
      'A host leads or joins a leader, not both: give --leader or --join (MSGVAN_LEADER, MSGVAN_JOIN).',
    )
  // A variable may stand for all hosts; a flag is meant for this one.
  const alone = settingsByKey.find(([key, { isForStore }]) => isForStore === true && flags[key] !== undefined)
  if (store === undefined && alone !== undefined)
    throw new InvalidOptionError(
      `${alone[1].flag} needs a host with a store: give --store DIR as well (MSGVAN_STORE).`,
    )
}

export function portSetting(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): number {
  return given(SETTINGS.port, flag, env) ?? SETTINGS.port.default
}

export function tokenSetting(
  flag: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  return given(SETTINGS.token, flag, env)
}

export function vanSetting(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return given({ flag: '--van', variable: 'MSGVAN_VAN', parse: vanName }, flag, env) ?? 'default'
}

export function verboseSetting(flag: boolean | undefined, env: NodeJS.ProcessEnv = process.env): boolean {
  return given(SETTINGS.verbose, flag, env) ?? false
}

export function autoStartSetting(flag: boolean | undefined, env: NodeJS.ProcessEnv = process.env): boolean {
  return given({ flag: '--no-start', variable: 'MSGVAN_START', parse: oneOrZero }, flag, env) ?? true
}

/** No other machine can reach loopback. */
export function isLoopback(listen: string): boolean {
  return listen === '::1' || /^127\./.test(listen)
}

type Read<T> = Pick<Setting<string, FlagValue, T>, 'flag' | 'variable'> & {
  parse(this: void, text: string, ca: string | undefined): T
  readonly isSecret?: boolean
  readonly isAddress?: boolean
  readonly isPath?: boolean
}

/** By its flag, or by its variable; undefined: by neither. */
function given<T>(
  { flag: name, variable, parse, isSecret = false, isAddress = false, isPath = false }: Read<T>,
  flag: FlagValue | undefined,
  env: NodeJS.ProcessEnv,
  ca?: string,
): T | undefined {
  // An empty variable counts as not set, as everywhere in Unix.
  const value = flag ?? (env[variable] || undefined)
  if (value === undefined) return undefined
  try {
    const parsed = typeof value === 'string' ? parse(value, ca) : (value as T)
    return isPath && Array.isArray(parsed) ? (parsed.map(path => resolve(String(path))) as T) : parsed
  } catch (error) {
    const where = flag === undefined ? variable : name
    const shown = isSecret ? '' : `; this is ${isAddress ? shownAddress(value) : JSON.stringify(value)}`
    throw new InvalidOptionError(`${where}: ${error instanceof Error ? error.message : ''}${shown}.`, {
      cause: error,
    })
  }
}
