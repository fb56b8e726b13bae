import { Fields } from '../../wire/frames/fields.js'
import { InvalidOptionError } from '../../errors.js'
import type { HostFlags, HostSettings } from './settings.js'

/** Beside what a flag says, a variable may rule over what the host before had. */
const VARIABLES = {
  listen: 'MSGVAN_LISTEN',
  token: 'MSGVAN_TOKEN',
  idle: 'MSGVAN_IDLE',
  sessionTtl: 'MSGVAN_SESSION_TTL',
  heartbeat: 'MSGVAN_HEARTBEAT',
  maxPayload: 'MSGVAN_MAX_PAYLOAD',
  origins: 'MSGVAN_ORIGINS',
  store: 'MSGVAN_STORE',
  retainAge: 'MSGVAN_RETAIN_AGE',
  retainBytes: 'MSGVAN_RETAIN_BYTES',
  storeFloor: 'MSGVAN_STORE_FLOOR',
  verbose: 'MSGVAN_VERBOSE',
  watch: 'MSGVAN_WATCH',
  leader: 'MSGVAN_LEADER',
  join: 'MSGVAN_JOIN',
  tlsCert: 'MSGVAN_TLS_CERT',
  tlsKey: 'MSGVAN_TLS_KEY',
  tlsCa: 'MSGVAN_TLS_CA',
  roots: 'MSGVAN_ROOTS',
  capabilities: 'MSGVAN_CAPABILITIES',
} as const

type Kept = keyof typeof VARIABLES

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
  const seconds = (ms: number): string => String(ms / 1000)
  const { listen, token, store, leader, join, tlsCert, tlsKey, tlsCa, verbose, watch } = settings
  const { roots, origins, retainAgeMs, retainBytes } = settings
  return {
    ...{ listen, token, store, join, tlsCert, tlsKey, tlsCa },
    ...(leader ? { leader } : {}),
    ...(verbose ? { verbose } : {}),
    ...(watch ? { watch } : {}),
    ...(roots.length === 0 ? {} : { roots }),
    ...(origins.length === 0 ? {} : { origins }),
    idle: seconds(settings.idleMs),
    sessionTtl: seconds(settings.sessionTtlMs),
    heartbeat: seconds(settings.heartbeatMs),
    maxPayload: String(settings.maxPayload),
    ...(store === undefined || retainAgeMs === Infinity ? {} : { retainAge: seconds(retainAgeMs) }),
    ...(store === undefined
      ? {}
      : { retainBytes: String(retainBytes), storeFloor: String(settings.storeFloor) }),
  }
}

/**
 * What the next host is to know of how this one was started: what it was told, and no default, which may be another one for
 * whoever starts the next.
 *
 * @param flags what it was told, also by the host before
 */
export function settingsTold(
  settings: HostSettings,
  flags: HostFlags,
  before: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): HostFlags {
  const all: HostFlags = { ...settingsKept(settings), capabilities: JSON.stringify(settings.capabilities) }
  // A client that logs more is no reason for all hosts to come to log more.
  const isOwn = (key: Kept): boolean => key !== 'verbose' || !settings.auto || before.verbose === true
  const keys = (Object.keys(VARIABLES) as Kept[]).filter(
    key => isSaid(key, flags, env) && all[key] !== undefined && isOwn(key),
  )
  return Object.fromEntries(keys.map(key => [key, all[key]]))
}

/** Settings that a newer msgvan may have written and this one does not know. */
export function unknownSettings(kept: unknown): string[] {
  return Object.keys(Object(kept) as object).filter(key => !(key in VARIABLES))
}

/** As a host answers or wrote down: each checked for its kind, and for the rest as flags are. @throws InvalidOptionError */
export function readKept(
  answer: unknown,
  fail: (what: string) => Error = what =>
    new InvalidOptionError(`The options of the host before: this ${what}.`),
): HostFlags {
  const fields = new Fields(answer, fail)
  const text = (key: Kept): string | undefined => fields.optional(key, each => fields.text(each, 10_000))
  const flag = (key: Kept): boolean | undefined => fields.optional(key, each => fields.flag(each))
  const texts = (key: Kept): string[] | undefined =>
    fields.optional(key, each => fields.list(each, 10_000).map(String))
  return {
    listen: text('listen'),
    token: text('token'),
    idle: text('idle'),
    sessionTtl: text('sessionTtl'),
    heartbeat: text('heartbeat'),
    maxPayload: text('maxPayload'),
    origins: texts('origins'),
    store: text('store'),
    retainAge: text('retainAge'),
    retainBytes: text('retainBytes'),
    storeFloor: text('storeFloor'),
    verbose: flag('verbose'),
    watch: flag('watch'),
    leader: flag('leader'),
    join: text('join'),
    tlsCert: text('tlsCert'),
    tlsKey: text('tlsKey'),
    tlsCa: text('tlsCa'),
    roots: texts('roots'),
    capabilities: text('capabilities'),
  }
}

/** Whether a flag or a variable says how this is to be. No flag says no. */
export function isSaid(key: Kept, given: HostFlags, env: NodeJS.ProcessEnv = process.env): boolean {
  const flag = given[key]
  // A variable that is set to nothing counts as not set; a flag is wrong by that, which is said.
  return (flag !== undefined && flag !== false) || Boolean(env[VARIABLES[key]])
}

/** Flag over environment over what the host before had. */
export function goingOn(
  given: HostFlags,
  before: HostFlags,
  env: NodeJS.ProcessEnv = process.env,
): HostFlags {
  const saysOtherwise = (key: Kept): boolean => {
    const other = TOGETHER[key]
    return isSaid(key, given, env) || (other !== undefined && isSaid(other, given, env))
  }
  const keys = Object.keys(VARIABLES) as Kept[]
  const kept = Object.fromEntries(keys.filter(key => !saysOtherwise(key)).map(key => [key, before[key]]))
  return { ...given, ...(kept as HostFlags) }
}
