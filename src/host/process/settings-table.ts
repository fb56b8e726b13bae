import { resolve } from 'node:path'
import { DEFAULT_LIMITS } from '../../workers/worker-environment.js'
import { DEFAULT_MAX_PAYLOAD } from '../../codec/payload.js'
import { DEFAULT_FLOOR } from '../../store/store.js'
import { DEFAULT_DEDUPE_MS } from '../../broker/delayed/ruled-publisher.js'
import { DEFAULT_CLIENT_BYTES } from '../session/client-budget.js'
import {
  DEFAULT_HEARTBEAT_MS,
  DEFAULT_HOST_BYTES,
  DEFAULT_SESSION_TTL_MS,
  DEFAULT_VAN_BYTES,
} from '../limits/defaults.js'
import {
  bytes,
  count,
  DEFAULT_PORT,
  folder,
  heartbeat,
  jsonObject,
  leaderUrl,
  listenAddress,
  manyBytes,
  milliseconds,
  paths,
  port,
  token,
  words,
  oneOrZero,
} from './setting-values.js'

/** An auto-started host ends after ten idle minutes. */
const AUTO_IDLE_SECONDS = 600

/** A flag on a command line: text, a switch, or several texts. */
export type FlagValue = string | boolean | readonly string[]

/** One setting of a host. Types, command line, spawn arguments, restart and the table of docs/host.md come from it. */
export interface Setting<F extends string, V extends FlagValue, T> {
  readonly kind: 'text' | 'switch' | 'list'
  readonly flag: `--${string}`
  /** The kind of its value, for `--help`. */
  readonly takes: string
  readonly variable: `MSGVAN_${string}`
  /** Its name among the checked settings. */
  readonly field: F
  /**
   * @throws InvalidOptionError
   *
   * @param ca the certificates of the leader are known, so TLS is its default scheme
   */
  parse(this: void, text: string, ca: string | undefined): T
  readonly default: T
  /** The default of a host that a client starts. */
  readonly autoDefault?: T
  /** The default, for people. */
  readonly shown: string
  /** Its value as a flag for the next host; undefined: the default is enough. */
  kept(this: void, value: T): V | undefined
  readonly help: string
  /** Every command has it, with a meaning of its own. */
  readonly isGlobal?: boolean
  /** It needs a store. */
  readonly isForStore?: boolean
  /** Relative to the working directory, which the host does not share. */
  readonly isPath?: boolean
  /** A new host gets it through the environment, because every user sees the command line. */
  readonly byEnvironment?: boolean
  /** Errors repeat no password in it. */
  readonly isAddress?: boolean
  /** Errors never repeat it. */
  readonly isSecret?: boolean
}

type Given<F extends string, V extends FlagValue, T> = Omit<Setting<F, V, T>, 'kind' | 'kept'>

const text = <const F extends string, T>(
  setting: Given<F, string, T>,
  kept: (value: T) => string | undefined,
): Setting<F, string, T> => ({ ...setting, kind: 'text', kept })

const toggle = <const F extends string>(
  setting: Omit<Given<F, boolean, boolean>, 'parse' | 'takes' | 'default'>,
): Setting<F, boolean, boolean> => ({
  ...{ ...setting, kind: 'switch', takes: '', default: false, parse: oneOrZero },
  kept: isOn => (isOn ? true : undefined),
})

const list = <const F extends string>(
  setting: Omit<Given<F, readonly string[], readonly string[]>, 'default'>,
): Setting<F, readonly string[], readonly string[]> => ({
  ...{ ...setting, kind: 'list', default: [] },
  kept: all => (all.length === 0 ? undefined : all),
})

const same = (value: string | undefined): string | undefined => value
const seconds = (ms: number): string | undefined => (ms === Infinity ? undefined : String(ms / 1000))
const number = (value: number): string => String(value)
const file = (path: string): string => resolve(path)

/** All settings of a host, by the names of their flags in code. */
export const SETTINGS = {
  port: text(
    {
      flag: '--port',
      takes: '<port>',
      variable: 'MSGVAN_PORT',
      field: 'port',
      parse: text => port(text),
      default: DEFAULT_PORT,
      isGlobal: true,
      shown: '1900',
      help: "the host's port",
    },
    number,
  ),
  token: text(
    {
      flag: '--token',
      takes: '<token>',
      variable: 'MSGVAN_TOKEN',
      field: 'token',
      parse: token,
      default: undefined as string | undefined,
      isGlobal: true,
      byEnvironment: true,
      isSecret: true,
      shown: 'the file `token` in the state folder',
      help: 'the token that callers must prove',
    },
    same,
  ),
  principals: text(
    {
      flag: '--principals',
      takes: '<file>',
      variable: 'MSGVAN_PRINCIPALS',
      field: 'principals',
      parse: file,
      default: undefined as string | undefined,
      isPath: true,
      shown: 'the file `principals.json` in the state folder, if it is there',
      help: 'who may do what at this host, each with a token of its own',
    },
    same,
  ),
  verbose: toggle({
    flag: '--verbose',
    variable: 'MSGVAN_VERBOSE',
    field: 'verbose',
    isGlobal: true,
    shown: 'warnings only',
    help: 'log more',
  }),
  leader: toggle({
    flag: '--leader',
    variable: 'MSGVAN_LEADER',
    field: 'leader',
    shown: 'accepts no other hosts',
    help: 'let other hosts join this one, with its token',
  }),
  join: text(
    {
      flag: '--join',
      takes: '<address[:port]>',
      variable: 'MSGVAN_JOIN',
      field: 'join',
      isAddress: true,
      parse: leaderUrl,
      default: undefined as string | undefined,
      shown: 'joins no leader',
      help: 'join the leader there, with its token',
    },
    same,
  ),
  tlsCert: text(
    {
      flag: '--tls-cert',
      takes: '<file>',
      variable: 'MSGVAN_TLS_CERT',
      field: 'tlsCert',
      parse: file,
      default: undefined as string | undefined,
      isPath: true,
      shown: 'no TLS',
      help: 'take only TLS from beyond loopback, with this certificate, PEM',
    },
    same,
  ),
  tlsKey: text(
    {
      flag: '--tls-key',
      takes: '<file>',
      variable: 'MSGVAN_TLS_KEY',
      field: 'tlsKey',
      parse: file,
      default: undefined as string | undefined,
      isPath: true,
      shown: 'no TLS',
      help: 'the key of that certificate',
    },
    same,
  ),
  tlsCa: text(
    {
      flag: '--tls-ca',
      takes: '<file>',
      variable: 'MSGVAN_TLS_CA',
      field: 'tlsCa',
      parse: file,
      default: undefined as string | undefined,
      isPath: true,
      shown: 'no TLS to a leader, unless `--join https://…`',
      help: 'join a leader by TLS, whose certificate one of these has signed',
    },
    same,
  ),
  listen: text(
    {
      flag: '--listen',
      takes: '<address>',
      variable: 'MSGVAN_LISTEN',
      field: 'listen',
      isAddress: true,
      parse: listenAddress,
      default: '127.0.0.1',
      shown: '127.0.0.1',
      help: 'listen beyond loopback too, with a token only: an IP address of this machine, or 0.0.0.0 for all',
    },
    same,
  ),
  idle: text(
    {
      flag: '--idle',
      takes: '<seconds>',
      variable: 'MSGVAN_IDLE',
      field: 'idleMs',
      parse: milliseconds,
      default: 0,
      autoDefault: AUTO_IDLE_SECONDS * 1000,
      shown: '0; a host that a client starts: 600',
      help: 'end after this time without work; 0: never',
    },
    seconds,
  ),
  sessionTtl: text(
    {
      flag: '--session-ttl',
      takes: '<seconds>',
      variable: 'MSGVAN_SESSION_TTL',
      field: 'sessionTtlMs',
      parse: milliseconds,
      default: DEFAULT_SESSION_TTL_MS,
      shown: '60',
      help: 'time that a client may take to come back after a cut',
    },
    seconds,
  ),
  heartbeat: text(
    {
      flag: '--heartbeat',
      takes: '<seconds>',
      variable: 'MSGVAN_HEARTBEAT',
      field: 'heartbeatMs',
      parse: heartbeat,
      default: DEFAULT_HEARTBEAT_MS,
      shown: '10',
      help: 'time between pings; the host drops a peer that answers none for two of these',
    },
    seconds,
  ),
  maxPayload: text(
    {
      flag: '--max-payload',
      takes: '<bytes>',
      variable: 'MSGVAN_MAX_PAYLOAD',
      field: 'maxPayload',
      parse: bytes,
      default: DEFAULT_MAX_PAYLOAD,
      shown: '8388608',
      help: 'the largest payload',
    },
    number,
  ),
  clientMemory: text(
    {
      flag: '--client-memory',
      takes: '<bytes>',
      variable: 'MSGVAN_CLIENT_MEMORY',
      field: 'clientMemory',
      parse: manyBytes,
      default: DEFAULT_CLIENT_BYTES,
      shown: '67108864',
      help: 'hold this much for a client that does not read: then no more deliveries, and more answers end its connection',
    },
    number,
  ),
  dedupe: text(
    {
      flag: '--dedupe',
      takes: '<seconds>',
      variable: 'MSGVAN_DEDUPE',
      field: 'dedupeMs',
      parse: milliseconds,
      default: DEFAULT_DEDUPE_MS,
      shown: '120',
      help: 'remember the id of a publish for this long: the same id again is the same message',
    },
    seconds,
  ),
  vanMemory: text(
    {
      flag: '--van-memory',
      takes: '<bytes>',
      variable: 'MSGVAN_VAN_MEMORY',
      field: 'vanMemory',
      parse: manyBytes,
      default: DEFAULT_VAN_BYTES,
      shown: '536870912',
      help: 'let the messages that wait in one van take this much; beyond it publishers wait',
    },
    number,
  ),
  hostMemory: text(
    {
      flag: '--host-memory',
      takes: '<bytes>',
      variable: 'MSGVAN_HOST_MEMORY',
      field: 'hostMemory',
      parse: manyBytes,
      default: DEFAULT_HOST_BYTES,
      shown: '1073741824',
      help: 'let all waiting messages and what clients do not read take this much; beyond it publishers wait',
    },
    number,
  ),
  origins: list({
    flag: '--origin',
    takes: '<url...>',
    variable: 'MSGVAN_ORIGINS',
    field: 'origins',
    parse: words,
    shown: 'none',
    help: 'web pages that may connect',
  }),
  store: text(
    {
      flag: '--store',
      takes: '<folder>',
      variable: 'MSGVAN_STORE',
      field: 'store',
      parse: folder,
      default: undefined as string | undefined,
      isPath: true,
      shown: 'in memory only',
      help: 'keep messages in this folder',
    },
    same,
  ),
  retainAge: text(
    {
      flag: '--retain-age',
      takes: '<seconds>',
      variable: 'MSGVAN_RETAIN_AGE',
      field: 'retainAgeMs',
      parse: milliseconds,
      default: Infinity,
      isForStore: true,
      shown: 'no limit',
      help: 'keep messages that no subscription is owed this long, for replay',
    },
    seconds,
  ),
  retainBytes: text(
    {
      flag: '--retain-bytes',
      takes: '<bytes>',
      variable: 'MSGVAN_RETAIN_BYTES',
      field: 'retainBytes',
      parse: manyBytes,
      default: 1024 ** 3,
      isForStore: true,
      shown: '1073741824',
      help: 'keep at most this much of them in each van',
    },
    number,
  ),
  storeFloor: text(
    {
      flag: '--store-floor',
      takes: '<bytes>',
      variable: 'MSGVAN_STORE_FLOOR',
      field: 'storeFloor',
      parse: manyBytes,
      default: DEFAULT_FLOOR,
      isForStore: true,
      shown: '67108864',
      help: 'refuse publishes when the disk of the store has less free room',
    },
    number,
  ),
  roots: list({
    flag: '--root',
    takes: '<folder...>',
    variable: 'MSGVAN_ROOTS',
    field: 'roots',
    parse: paths,
    isPath: true,
    shown: 'none',
    help: 'folders from which remote callers may load handler modules',
  }),
  workerMemory: text(
    {
      flag: '--worker-memory',
      takes: '<bytes>',
      variable: 'MSGVAN_WORKER_MEMORY',
      field: 'workerMemory',
      parse: manyBytes,
      default: DEFAULT_LIMITS.memory,
      shown: '1073741824',
      help: 'the largest heap of a handler or an actor; one that needs more is started again',
    },
    number,
  ),
  maxWorkers: text(
    {
      flag: '--max-workers',
      takes: '<number>',
      variable: 'MSGVAN_MAX_WORKERS',
      field: 'maxWorkers',
      parse: count,
      default: 128,
      shown: '128',
      help: 'run at most this many handlers and instances of actors',
    },
    number,
  ),
  workerEnv: list({
    flag: '--worker-env',
    takes: '<name...>',
    variable: 'MSGVAN_WORKER_ENV',
    field: 'workerEnv',
    parse: words,
    shown: 'none',
    help: 'variables that handlers and actors of callers who are not this user get, too',
  }),
  watch: toggle({
    flag: '--watch',
    variable: 'MSGVAN_WATCH',
    field: 'watch',
    shown: 'modules are not watched',
    help: 'start handlers and actors again when their modules change',
  }),
  capabilities: text(
    {
      flag: '--capabilities',
      takes: '<json>',
      variable: 'MSGVAN_CAPABILITIES',
      field: 'capabilities',
      parse: jsonObject,
      default: {},
      byEnvironment: true,
      shown: '{}',
      help: 'the capabilities that this host offers to actors, as a JSON object',
    },
    value => JSON.stringify(value),
  ),
}

export type SettingKey = keyof typeof SETTINGS
type Of<K extends SettingKey> = (typeof SETTINGS)[K]

/** From a command line. Each value may be missing. */
export type HostFlags = {
  readonly [K in SettingKey]?: NonNullable<ReturnType<Of<K>['kept']>> | undefined
} & {
  /** A client starts it, so other defaults hold. */
  readonly auto?: boolean | undefined
}

/** The settings of a host, checked, from any source. Times are in milliseconds. */
export type HostSettings = {
  readonly [K in SettingKey as Of<K>['field']]: Of<K>['default']
} & {
  /** A client started it, not a user. */
  readonly auto: boolean
}

/** All settings, for code that treats them alike. */
export const settingsByKey = Object.entries(SETTINGS) as unknown as readonly (readonly [
  SettingKey,
  Setting<keyof HostSettings, FlagValue, unknown>,
])[]
