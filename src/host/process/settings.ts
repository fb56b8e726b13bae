import { isIP } from 'node:net'
import { delimiter, resolve } from 'node:path'
import { InvalidOptionError } from '../../errors.js'

export const DEFAULT_PORT = 1900

/** An auto-started host ends after ten idle minutes. */
export const AUTO_IDLE_SECONDS = 600

/** What a host is told. Every value is checked, wherever it came from. */
export interface HostSettings {
  readonly port: number
  /** The address to listen on; beyond loopback only with a token. */
  readonly listen: string
  /** By which callers that are not local prove themselves. */
  readonly token: string | undefined
  /** A client started it, not a user. */
  readonly auto: boolean
  /** Ends after so long without work; 0: never. */
  readonly idleMs: number
  /** How long a session waits for its client to come back. */
  readonly sessionTtlMs: number
  /** Between pings, and for the answer to one: who answers no more is given up after twice that. */
  readonly heartbeatMs: number
  /** The largest payload, in bytes. */
  readonly maxPayload: number
  /** Web pages that may connect, as their Origin. */
  readonly origins: readonly string[]
  /** The folder in which it keeps what it owes; undefined: in memory only. */
  readonly store: string | undefined
  /** How long it keeps what nobody is owed any more, for replay; in milliseconds. */
  readonly retainAgeMs: number
  /** And how much of that, in bytes for each van. */
  readonly retainBytes: number
  /** With less free room on the store's disk than so many bytes, publishes are refused. */
  readonly storeFloor: number
  readonly verbose: boolean
  /** Starts handlers and actors again when the file of their module changes. */
  readonly watch: boolean
  readonly capabilities: Readonly<Record<string, unknown>>
  /** Other hosts may join this one. */
  readonly leader: boolean
  /** The leader that this host joins, as a URL. */
  readonly join: string | undefined
  /** A PEM file with the certificate (and its chain) for those who come from elsewhere; undefined: they come in the clear. */
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  /** A PEM file with those whose certificates the leader may have; undefined: those that this machine trusts. */
  readonly tlsCa: string | undefined
  /** Folders from which callers that are not local may have handler modules loaded. */
  readonly roots: readonly string[]
}

/** As given on a command line: text, or not at all. */
export interface HostFlags {
  readonly port?: string | undefined
  /** Started by a client: what is not said otherwise is as for such a host. */
  readonly auto?: boolean | undefined
  readonly listen?: string | undefined
  readonly token?: string | undefined
  readonly idle?: string | undefined
  readonly sessionTtl?: string | undefined
  readonly heartbeat?: string | undefined
  readonly maxPayload?: string | undefined
  readonly origins?: readonly string[] | undefined
  readonly store?: string | undefined
  readonly retainAge?: string | undefined
  readonly retainBytes?: string | undefined
  readonly storeFloor?: string | undefined
  readonly verbose?: boolean | undefined
  readonly watch?: boolean | undefined
  readonly capabilities?: string | undefined
  readonly leader?: boolean | undefined
  readonly join?: string | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly tlsCa?: string | undefined
  readonly roots?: readonly string[] | undefined
}

/**
 * Flag over environment over default.
 *
 * @throws InvalidOptionError naming the flag or the variable that holds a value it cannot have
 */
export function hostSettings(flags: HostFlags, env: NodeJS.ProcessEnv = process.env): HostSettings {
  const leader = flags.leader ?? setting('--leader', undefined, 'MSGVAN_LEADER', env, yesOrNo) ?? false
  const [tlsCert, tlsKey, tlsCa] = [
    setting('--tls-cert', flags.tlsCert, 'MSGVAN_TLS_CERT', env, path => resolve(path)),
    setting('--tls-key', flags.tlsKey, 'MSGVAN_TLS_KEY', env, path => resolve(path)),
    setting('--tls-ca', flags.tlsCa, 'MSGVAN_TLS_CA', env, path => resolve(path)),
  ]
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw no(
      'A certificate goes with its key: give --tls-cert and --tls-key (MSGVAN_TLS_CERT, MSGVAN_TLS_KEY).',
    )
  const join = setting('--join', flags.join, 'MSGVAN_JOIN', env, text => leaderUrl(text, tlsCa))
  if (leader && join !== undefined) {
    throw no(
      'A host leads or joins a leader, not both: give --leader or --join (MSGVAN_LEADER, MSGVAN_JOIN).',
    )
  }
  const store = setting('--store', flags.store, 'MSGVAN_STORE', env, folder)
  // In the environment they may stand for all hosts; on a command line they are meant for this one.
  const given = [flags.retainAge, flags.retainBytes, flags.storeFloor].findIndex(flag => flag !== undefined)
  if (store === undefined && given >= 0) {
    const flag = ['--retain-age', '--retain-bytes', '--store-floor'][given] ?? ''
    throw no(`${flag} is for a host that keeps what it owes: give --store DIR as well (MSGVAN_STORE).`)
  }
  return {
    leader,
    join,
    tlsCert,
    tlsKey,
    tlsCa,
    port: portSetting(flags.port, env),
    listen: setting('--listen', flags.listen, 'MSGVAN_LISTEN', env, listenAddress) ?? '127.0.0.1',
    token: tokenSetting(flags.token, env),
    auto: flags.auto === true,
    idleMs:
      setting('--idle', flags.idle, 'MSGVAN_IDLE', env, milliseconds) ??
      (flags.auto === true ? AUTO_IDLE_SECONDS * 1000 : 0),
    sessionTtlMs:
      setting('--session-ttl', flags.sessionTtl, 'MSGVAN_SESSION_TTL', env, milliseconds) ?? 60_000,
    heartbeatMs: setting('--heartbeat', flags.heartbeat, 'MSGVAN_HEARTBEAT', env, heartbeat) ?? 10_000,
    maxPayload:
      setting('--max-payload', flags.maxPayload, 'MSGVAN_MAX_PAYLOAD', env, bytes) ?? 8 * 1024 * 1024,
    origins: flags.origins ?? setting('--origin', undefined, 'MSGVAN_ORIGINS', env, words) ?? [],
    store,
    retainAgeMs: setting('--retain-age', flags.retainAge, 'MSGVAN_RETAIN_AGE', env, milliseconds) ?? Infinity,
    retainBytes:
      setting('--retain-bytes', flags.retainBytes, 'MSGVAN_RETAIN_BYTES', env, manyBytes) ?? 1024 ** 3,
    storeFloor:
      setting('--store-floor', flags.storeFloor, 'MSGVAN_STORE_FLOOR', env, manyBytes) ?? 64 * 1024 ** 2,
    verbose: verboseSetting(flags.verbose, env),
    watch: flags.watch ?? setting('--watch', undefined, 'MSGVAN_WATCH', env, yesOrNo) ?? false,
    capabilities: setting('--capabilities', flags.capabilities, 'MSGVAN_CAPABILITIES', env, jsonObject) ?? {},
    roots: (flags.roots ?? setting('--root', undefined, 'MSGVAN_ROOTS', env, paths) ?? []).map(root =>
      resolve(root),
    ),
  }
}

export function portSetting(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): number {
  return setting('--port', flag, 'MSGVAN_PORT', env, port) ?? DEFAULT_PORT
}

export function tokenSetting(
  flag: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): string | undefined {
  return setting('--token', flag, 'MSGVAN_TOKEN', env, token)
}

export function vanSetting(flag: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  return setting('--van', flag, 'MSGVAN_VAN', env, vanName) ?? 'default'
}

export function verboseSetting(flag: boolean | undefined, env: NodeJS.ProcessEnv = process.env): boolean {
  return flag ?? setting('--verbose', undefined, 'MSGVAN_VERBOSE', env, yesOrNo) ?? false
}

export function autoStartSetting(flag: boolean | undefined, env: NodeJS.ProcessEnv = process.env): boolean {
  return flag ?? setting('--no-start', undefined, 'MSGVAN_START', env, yesOrNo) ?? true
}

/** A whole port number, as an option of `van()` or as text. */
export function port(value: string | number): number {
  const number = typeof value === 'number' ? value : wholeNumber(value)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw no('a port is a whole number from 1 to 65535')
  return number
}

/** Loopback is what no other machine can reach. */
export function isLoopback(listen: string): boolean {
  return listen === '::1' || /^127\./.test(listen)
}

/** A value in seconds, whole or not, as milliseconds. */
export function milliseconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (!(seconds <= 1e10)) throw no('a number of seconds, such as 5 or 0.5')
  return Math.round(seconds * 1000)
}

function setting<T>(
  flagName: string,
  flag: string | undefined,
  variable: string,
  env: NodeJS.ProcessEnv,
  parse: (text: string) => T,
): T | undefined {
  // A variable that is set to nothing counts as not set, as everywhere in Unix.
  const text = flag ?? (env[variable] || undefined)
  if (text === undefined) return undefined
  try {
    return parse(text)
  } catch (error) {
    const where = flag === undefined ? variable : flagName
    const shown = parse === token ? '' : `; this is ${JSON.stringify(text)}`
    throw new InvalidOptionError(`${where}: ${error instanceof Error ? error.message : ''}${shown}.`, {
      cause: error,
    })
  }
}

function no(text: string): InvalidOptionError {
  return new InvalidOptionError(text)
}

function wholeNumber(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN
}

/** An address to listen on. @throws InvalidOptionError */
export function listenAddress(text: string): string {
  if (text === 'localhost') return '127.0.0.1'
  if (isIP(text) === 0) throw no('an IP address of this machine, 0.0.0.0 or :: for all of them')
  return text
}

/** An address of this machine's own, `host` or `host:port`. @throws InvalidOptionError */
export function listenAt(text: string): { readonly listen: string; readonly port: number | undefined } {
  if (isIP(text) === 6) return { listen: text, port: undefined }
  const { hostname, port: number } = new URL(leaderUrl(text, undefined))
  const hasPort = /:\d+$/.test(text)
  return { listen: hostname.replace(/^\[|\]$/g, ''), port: hasPort ? Number(number || 80) : undefined }
}

/**
 * `host`, `host:port`, `[v6]:port`, or a URL with `http` or `https`.
 * @param ca by whose word the leader is believed: without a scheme, it is reached by TLS if that is known
 */
export function leaderUrl(text: string, ca: string | undefined = process.env['MSGVAN_TLS_CA']): string {
  const hasScheme = /^https?:\/\//.test(text)
  const bare = isIP(text) === 6 ? `[${text}]` : text
  const shape = no('the address of a leader, such as 10.0.0.5 or 10.0.0.5:1900')
  let url: URL
  try {
    url = new URL(hasScheme ? text : `${ca === undefined || ca === '' ? 'http' : 'https'}://${bare}`)
  } catch {
    throw shape
  }
  if (url.hostname === '' || url.pathname !== '/' || url.search !== '' || url.username !== '') throw shape
  // A URL leaves out the port that its scheme has by default.
  const hasPort = /:\d+\/?$/.test(bare)
  const number = hasPort ? (/:(\d+)\/?$/.exec(bare)?.[1] ?? '') : String(DEFAULT_PORT)
  return `${url.protocol}//${url.hostname}:${port(number)}`
}

function token(text: string): string {
  if (text.trim() === '') throw no('a token is not empty')
  return text.trim()
}

function vanName(text: string): string {
  if (text.length === 0 || text.length > 200) throw no('a van name has 1 to 200 characters')
  return text
}

/** No timer is longer than a day; much under a second, a busy machine would count as a dead peer. */
function heartbeat(text: string): number {
  const ms = milliseconds(text)
  if (ms < 100 || ms > 86_400_000) throw no('a number of seconds from 0.1 to 86400')
  return ms
}

function bytes(text: string): number {
  const number = wholeNumber(text)
  if (!(number >= 1 && number <= 1024 ** 3)) throw no('a whole number of bytes, from 1 to 1073741824')
  return number
}

function manyBytes(text: string): number {
  const number = wholeNumber(text)
  if (!Number.isSafeInteger(number)) throw no('a whole number of bytes')
  return number
}

function folder(text: string): string {
  if (text === '') throw no('a folder')
  return resolve(text)
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter(word => word !== '')
}

function paths(text: string): string[] {
  return text.split(delimiter).filter(path => path !== '')
}

function yesOrNo(text: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text)) return true
  if (['0', 'false', 'no', 'off'].includes(text)) return false
  throw no('1 or 0')
}

function jsonObject(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw no('a JSON object')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw no('a JSON object')
  return value as Record<string, unknown>
}
