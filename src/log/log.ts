import type { Logger } from 'winston'
import { describe } from '../errors.js'
import { ignoreRejection } from '../message/check-option.js'
import { escapeControls } from './escape-controls.js'

/** A winston logger, or one with a method for each level like the console. */
export type LogTarget = Logger | LevelMethods

export type LevelMethods = Record<'error' | 'warn' | 'info' | 'debug', (text: string) => unknown>

/**
 * msgvan's own logger. It never throws. `cause` is anything that was thrown; its code and its stack are fields of the
 * entry, and its description is part of the text unless the text has its message.
 */
export interface Log {
  error(message: string, cause?: unknown): void
  warning(message: string, cause?: unknown): void
  info(message: string, cause?: unknown): void
  debug(message: string, cause?: unknown): void
}

/** The names of each level in other schemes: in npm's levels, in cli's, in those of other loggers. */
const NAMES: Readonly<Record<keyof Log, readonly string[]>> = {
  error: ['error', 'err', 'crit', 'fatal'],
  warning: ['warning', 'warn'],
  info: ['info', 'notice', 'verbose'],
  debug: ['debug', 'verbose', 'trace', 'silly'],
}

/** msgvan's four levels on any logger, with any levels of its own. */
export function logTo(logger: LogTarget): Log {
  const write = isLeveled(logger) ? writerFor(logger) : methodOf(logger)
  const writer = (name: keyof Log) => {
    const put = escaped(write(name))
    return (message: string, ...causes: unknown[]) => {
      const [cause] = causes
      // A user's format or transport may throw, or return a rejected promise; that must not reach the caller.
      try {
        ignoreRejection(put(textOf(message, causes), causes.length === 0 ? undefined : detailsOf(cause)))
      } catch {
        // There is nowhere left to report it.
      }
    }
  }
  return { error: writer('error'), warning: writer('warning'), info: writer('info'), debug: writer('debug') }
}

type Put = (text: string, details?: object) => unknown

/** A topic, a name or an error of another program must not steer the terminal of such a logger. */
const escaped =
  (put: Put): Put =>
  (text, details) =>
    put(escapeControls(text), details)

function writerFor(logger: Logger): (name: keyof Log) => Put {
  return name => {
    const level = levelFor(logger, name)
    return (text, details) => {
      // Their type is the logger itself; one of an app may return a promise.
      return details === undefined ? logger.log(level, text) : logger.log(level, text, details)
    }
  }
}

/** One line: such a logger may show fields in many. */
function methodOf(logger: LevelMethods): (name: keyof Log) => Put {
  return name => text => logger[name === 'warning' ? 'warn' : name](text)
}

/** Only winston's has levels by name; `console.log` has none. */
export function isLeveled(logger: unknown): logger is Logger {
  const { levels, log } = logger as Partial<Logger>
  return typeof levels === 'object' && typeof log === 'function'
}

export function hasLevelMethods(logger: unknown): logger is LevelMethods {
  const methods = logger as Partial<LevelMethods>
  return (['error', 'warn', 'info', 'debug'] as const).every(name => typeof methods[name] === 'function')
}

function textOf(message: string, causes: unknown[]): string {
  const [cause] = causes
  return causes.length === 0 || hasMessageOf(message, cause) ? message : `${message}: ${describe(cause)}`
}

function hasMessageOf(message: string, cause: unknown): boolean {
  return cause instanceof Error && cause.message !== '' && message.includes(cause.message)
}

/** The nearest name. Without one, errors get the logger's most severe level, and the rest its least severe. */
function levelFor({ levels }: Logger, name: keyof Log): string {
  const known = NAMES[name].find(candidate => Object.hasOwn(levels, candidate))
  if (known !== undefined) return known
  const bySeverity = Object.keys(levels).sort((a, b) => (levels[a] ?? 0) - (levels[b] ?? 0))
  return bySeverity.at(name === 'error' || name === 'warning' ? 0 : -1) ?? name
}

function detailsOf(cause: unknown): { code?: unknown; stack?: string } {
  if (!(cause instanceof Error)) return {}
  // For an error that an app threw, the app's own stack helps.
  const stack = (cause.cause instanceof Error ? cause.cause.stack : undefined) ?? cause.stack
  return {
    ...('code' in cause ? { code: cause.code } : {}),
    ...(stack === undefined ? {} : { stack }),
  }
}
