import type { Command } from 'commander'
import type { HostFlags } from '../../host/process/settings.js'
import type { Globals } from './globals.js'

/** What `host`, `start` and `restart` take beyond the options that all commands know. Text: src/host/settings.ts checks it. */
export interface HostOptions {
  listen?: string
  idle?: string
  sessionTtl?: string
  heartbeat?: string
  maxPayload?: string
  origin?: string[]
  store?: string
  retainAge?: string
  retainBytes?: string
  storeFloor?: string
  capabilities?: string
  leader?: boolean
  join?: string
  tlsCert?: string
  tlsKey?: string
  tlsCa?: string
  root?: string[]
  watch?: boolean
  fresh?: boolean
  auto?: boolean
  /** Of `host` alone, when another process starts it. */
  report?: string
  takeOver?: boolean
}

export function addHostOptions(command: Command): Command {
  return command
    .option('--leader', 'let other hosts join this one, with its token (MSGVAN_LEADER=1)')
    .option('--join <address[:port]>', 'join the leader there, with its token (MSGVAN_JOIN)')
    .option(
      '--tls-cert <file>',
      'take only TLS from beyond loopback, with this certificate, PEM (MSGVAN_TLS_CERT)',
    )
    .option('--tls-key <file>', 'and its key (MSGVAN_TLS_KEY)')
    .option(
      '--tls-ca <file>',
      'join a leader by TLS, whose certificate is by one of these (MSGVAN_TLS_CA; --join https://… without: by whom the system trusts)',
    )
    .option(
      '--listen <address>',
      'listen beyond loopback too, with a token only: an IP address of this machine, or 0.0.0.0 for all (MSGVAN_LISTEN)',
    )
    .option(
      '--idle <seconds>',
      'end after so long without work; 0: never (MSGVAN_IDLE, default 0; a host that started by itself: 600)',
    )
    .option(
      '--session-ttl <seconds>',
      'how long a client that is cut off may take to come back (MSGVAN_SESSION_TTL, default 60)',
    )
    .option(
      '--heartbeat <seconds>',
      'between pings; who answers none for two of these is given up (MSGVAN_HEARTBEAT, default 10)',
    )
    .option('--max-payload <bytes>', 'the largest payload (MSGVAN_MAX_PAYLOAD, default 8388608)')
    .option('--origin <url...>', 'web pages that may connect (MSGVAN_ORIGINS, default none)')
    .option('--store <folder>', 'keep what it owes in this folder (MSGVAN_STORE, default: in memory only)')
    .option(
      '--retain-age <seconds>',
      'for replay: keep messages that nobody is owed for so long (MSGVAN_RETAIN_AGE, default: no limit)',
    )
    .option(
      '--retain-bytes <bytes>',
      'and at most so much of them in each van (MSGVAN_RETAIN_BYTES, default 1073741824)',
    )
    .option(
      '--store-floor <bytes>',
      'refuse publishes with less free room on its disk (MSGVAN_STORE_FLOOR, default 67108864)',
    )
    .option(
      '--root <folder...>',
      'where handler modules of callers that are not local may lie (MSGVAN_ROOTS)',
    )
    .option('--watch', 'start handlers and actors again when their modules change (MSGVAN_WATCH)')
    .option(
      '--capabilities <json>',
      'what this host offers to actors, as a JSON object (MSGVAN_CAPABILITIES)',
    )
    .option('--fresh', 'begin without the options that the host before on this port was started with')
}

/** All that a host can be told on a command line, as src/host/settings.ts takes it. */
export function hostFlags(globals: Globals, options: HostOptions): HostFlags {
  const { port, token, verbose } = globals
  const { root, origin, ...flags } = options
  delete flags.fresh
  delete flags.report
  delete flags.takeOver
  return { port: String(port), token, verbose, ...flags, roots: root, origins: origin }
}
