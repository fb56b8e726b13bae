import type { LogTarget } from './log/log.js'
import { checkBusOptions } from './bus/check-bus-options.js'
import type { Middleware } from './bus/middleware/middleware.js'
import { describe, InvalidOptionError } from './errors.js'
import { isRecord, knownOptions, oneOf, shown, wholeNames } from './message/check-option.js'
import { isUtf8 } from './message/well-formed.js'
import { hasLevelMethods, isLeveled } from './log/log.js'
import { encodePayload } from './codec/payload.js'

export interface VanOptions {
  /** The van's name, 1 to 200 characters. Vans never mix. Default `'default'`. */
  name?: string
  /** In-process only: no host, no network. Each embedded bus is a van of its own. Default false. */
  embedded?: boolean
  /**
   * Added to the capabilities of this machine's host. They stay when this bus is closed; a value of null removes one.
   * Default none.
   */
  capabilities?: Record<string, unknown>
  /** This machine's host. Default: `MSGVAN_PORT`, else 1900. */
  port?: number
  /** Start this machine's host if it is not running. Default true. */
  autoStart?: boolean
  /**
   * A token to prove, or a JWT. A function returns the present one, before each attempt to connect. Default: this user's
   * own secret, in the state folder.
   */
  token?: string | (() => string | Promise<string>)
  /** Log level debug instead of warning. Default false. */
  verbose?: boolean
  /** Any winston logger, or one with a method for each level, such as `console`; in place of syslog. */
  logger?: LogTarget
  /** The largest payload, in bytes. Default 8 MiB. */
  maxPayload?: number
  /**
   * `host[:port]` of a leader, which this machine's host joins if this call starts it. A running host that has not
   * joined it stays unchanged, and `errors$` reports that. With `leader`: this machine's own address for other hosts.
   * Default none.
   */
  addr?: string
  /** Other hosts may join this machine's host, if this call starts it; otherwise like `addr`. Default false. */
  leader?: boolean
  /** Code around everything that this bus publishes and gets; see Middleware. Default none. */
  use?: readonly Middleware[]
  /** SIGTERM closes this bus, which drains it, before it ends the process; see `van()`. Default true. */
  handleSignals?: boolean
}

const known: readonly (keyof VanOptions)[] = [
  'name',
  'embedded',
  'capabilities',
  'port',
  'autoStart',
  'token',
  'verbose',
  'logger',
  'maxPayload',
  'addr',
  'leader',
  'handleSignals',
  'use',
]

/**
 * Checks the options of `van()`, before anything begins. Ports and addresses are read where they are used.
 *
 * @throws InvalidOptionError
 */
export function checkOptions(options: VanOptions): void {
  knownOptions('van()', options, known)
  checkBusOptions(options)
  const { token, addr, capabilities, logger } = options
  for (const flag of ['embedded', 'autoStart', 'verbose', 'leader', 'handleSignals'] as const)
    oneOf(flag, options[flag] ?? false, [true, false])
  if (
    options.port !== undefined &&
    !(Number.isInteger(options.port) && options.port > 0 && options.port < 65_536)
  )
    throw new InvalidOptionError(`port is a whole number from 1 to 65535; this is ${shown(options.port)}.`)
  if (token !== undefined && typeof token !== 'function') text('token', token)
  if (addr !== undefined) text('addr', addr)
  if (capabilities !== undefined && !isRecord(capabilities))
    throw new InvalidOptionError('capabilities is an object of names and values, such as { gpu: true }.')
  if (capabilities !== undefined) wholeNames('capabilities', capabilities)
  if (capabilities !== undefined) mustCross(capabilities)
  if (logger !== undefined && !isLogger(logger))
    throw new InvalidOptionError(
      'logger is a winston logger, with levels and log(), or one with error(), warn(), info() and debug(), such as console.',
    )
  if (options.embedded === true && (addr !== undefined || options.leader === true))
    throw new InvalidOptionError('An embedded bus has no host that could lead or join: leave `embedded` out.')
}

function isLogger(logger: unknown): boolean {
  return typeof logger === 'object' && logger !== null && (isLeveled(logger) || hasLevelMethods(logger))
}

function text(option: string, value: unknown): void {
  if (typeof value !== 'string' || value.trim() === '' || !isUtf8(value))
    throw new InvalidOptionError(`${option} is a text that is not empty, without half a surrogate pair.`)
}

/** They cross to a host. */
function mustCross(capabilities: unknown): void {
  try {
    encodePayload(capabilities)
  } catch (error) {
    throw new InvalidOptionError(`capabilities cannot cross to a host: ${describe(error)}`, {
      cause: error,
    })
  }
}
