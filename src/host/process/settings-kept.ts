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

/** The port names the host: everything else goes on. */
const kept = settingsByKey.filter(([key]) => key !== 'port') as readonly (readonly [
  Kept,
  (typeof settingsByKey)[number][1],
])[]

/** What says otherwise of the one says otherwise of the other: a host leads or joins, and a certificate goes with its key. */
const TOGETHER: Partial<Record<Kept, Kept>> = {
  leader: 'join',
  join: 'leader',
  tlsCert: 'tlsKey',
  tlsKey: 'tlsCert',
}

/**
 * The settings of a running host as flags for the one in its place: its secret token is among them, which is for this user alone.
 * Its port is known to whoever asks; its capabilities, which change while it runs, are kept with what is registered.
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
 * What the next host is to know of how this one was started: what it was told, and no default, which may be another one for
 * whoever starts the next.
 *
 * @param flags what it was told, also by the host before
 */
export function settingsGiven(
  settings: HostSettings,
  flags: HostFlags,
  before: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): HostFlags {
  const all: HostFlags = { ...settingsKept(settings), capabilities: JSON.stringify(settings.capabilities) }
  // A client that logs more is no reason for all hosts to come to log more.
  const isOwn = (key: Kept): boolean => key !== 'verbose' || !settings.auto || before.verbose === true
  return flagsOf(
    kept
      .filter(([key]) => isGiven(key, flags, env) && all[key] !== undefined && isOwn(key))
      .map(([key]) => [key, all[key]]),
  )
}

/** Settings that a newer msgvan may have written and this one does not know. */
export function unknownSettings(found: unknown): string[] {
  return Object.keys(Object(found) as object).filter(key => !kept.some(([known]) => known === key))
}

/** As a host answers or wrote down: each checked for its kind, and for the rest as flags are. @throws InvalidOptionError */
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

/** Whether a flag or a variable says how this is to be. No flag says no. */
export function isGiven(key: Kept, given: HostFlags, env: NodeJS.ProcessEnv = process.env): boolean {
  const flag = given[key]
  // A variable that is set to nothing counts as not set; a flag is wrong by that, which is said.
  return (flag !== undefined && flag !== false) || Boolean(env[SETTINGS[key].variable])
}

/** Flag over environment over what the host before had. */
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
