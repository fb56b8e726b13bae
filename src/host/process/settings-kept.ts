import { Fields } from '../../wire/frames/fields.js'
import { InvalidOptionError } from '../../errors.js'
import {
  SETTINGS,
  settingsByKey,
  type FlagValue,
  type HostFlags,
  type HostSettings,
  type SettingKey,
} from './settings-table.js'

type Kept = Exclude<SettingKey, 'port'>

/** The port names the host, and is never kept. */
const kept = settingsByKey.filter(([key]) => key !== 'port') as readonly (readonly [
  Kept,
  (typeof settingsByKey)[number][1],
])[]

/** Pairs that change together: a host leads or joins, and a certificate goes with its key. */
const TOGETHER: Partial<Record<Kept, Kept>> = {
  leader: 'join',
  join: 'leader',
  tlsCert: 'tlsKey',
  tlsKey: 'tlsCert',
}

/**
 * The settings of a running host as flags for the next one. They include its secret token, for this user alone. The
 * port is known to the caller; the capabilities, which change while it runs, are with the registrations.
 */
export function settingsKept(settings: HostSettings): HostFlags {
  const hasStore = settings.store !== undefined
  return flagsOf(
    kept
      .filter(([key, { isForStore }]) => key !== 'capabilities' && (hasStore || isForStore !== true))
      .map(([key, each]) => [key, each.kept(settings[each.field])]),
  )
}

/** The table gives each key its type, which `fromEntries` cannot see. */
function flagsOf(entries: readonly (readonly [Kept, FlagValue | undefined])[]): HostFlags {
  return Object.fromEntries(entries)
}

/**
 * The settings of this host for the next one: those that were given, without defaults, which may differ at the next
 * start.
 *
 * @param flags the given ones, also by the previous host
 */
export function settingsGiven(
  settings: HostSettings,
  flags: HostFlags,
  before: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): HostFlags {
  const all: HostFlags = { ...settingsKept(settings), capabilities: JSON.stringify(settings.capabilities) }
  // A client that logs more must not make all later hosts log more.
  const isOwn = (key: Kept): boolean => key !== 'verbose' || !settings.auto || before.verbose === true
  return flagsOf(
    kept
      .filter(([key]) => isGiven(key, flags, env) && all[key] !== undefined && isOwn(key))
      .map(([key]) => [key, all[key]]),
  )
}

/** Settings of a newer msgvan that this one does not know. */
export function unknownSettings(found: unknown): string[] {
  return Object.keys(Object(found) as object).filter(key => !kept.some(([known]) => known === key))
}

/**
 * Settings from an answer or a file: it checks the kind of each; the rest is checked like flags.
 *
 * @throws InvalidOptionError
 */
export function readKept(
  answer: unknown,
  fail: (what: string) => Error = what =>
    new InvalidOptionError(`The options of the host before: this ${what}.`),
): HostFlags {
  const fields = new Fields(answer, fail)
  const read = {
    text: (key: Kept) => fields.optional(key, each => fields.text(each, 10_000)),
    switch: (key: Kept) => fields.optional(key, each => fields.flag(each)),
    list: (key: Kept) => fields.optional(key, each => fields.list(each, 10_000).map(String)),
  }
  return flagsOf(kept.map(([key, { kind }]) => [key, read[kind](key)]))
}

/** Whether a flag or a variable gives this setting. An absent flag gives nothing. */
export function isGiven(key: Kept, given: HostFlags, env: NodeJS.ProcessEnv = process.env): boolean {
  const flag = given[key]
  // An empty variable counts as not set; an empty flag is an error, which is reported.
  return (flag !== undefined && flag !== false) || Boolean(env[SETTINGS[key].variable])
}

/** Flag over environment over the previous host's setting. */
export function goingOn(
  given: HostFlags,
  before: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): HostFlags {
  const saysOtherwise = (key: Kept): boolean => {
    const other = TOGETHER[key]
    return isGiven(key, given, env) || (other !== undefined && isGiven(other, given, env))
  }
  const goesOn = kept.filter(([key]) => !saysOtherwise(key)).map(([key]) => [key, before[key]] as const)
  return { ...given, ...(Object.fromEntries(goesOn) as HostFlags) }
}
