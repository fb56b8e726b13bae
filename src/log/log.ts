import type { Logger } from 'winston'
import { describe } from '../errors.js'

/** What msgvan itself needs of a logger. Nothing here ever throws. `cause` is anything that was thrown. */
export interface Log {
  error(message: string, cause?: unknown): void
  warning(message: string, cause?: unknown): void
  info(message: string, cause?: unknown): void
  debug(message: string, cause?: unknown): void
}

/** What each level is called where it goes by another name: in npm's levels, in cli's, in those of other loggers. */
const NAMES: Readonly<Record<keyof Log, readonly string[]>> = {
  error: ['error', 'err', 'crit', 'fatal'],
  warning: ['warning', 'warn'],
  info: ['info', 'notice', 'verbose'],
  debug: ['debug', 'verbose', 'trace', 'silly'],
}

/** msgvan's four levels on any winston logger, whatever levels that has. */
export function logTo(logger: Logger): Log {
  const writer = (name: keyof Log) => {
    const level = levelFor(logger, name)
    return (message: string, ...causes: unknown[]) => {
      // A format or transport of the user's may throw; that must not reach who had something to say.
      try {
        if (causes.length === 0) logger.log(level, message)
        else logger.log(level, `${message}: ${describe(causes[0])}`, detailsOf(causes[0]))
      } catch {
        // There is nowhere left to say it.
      }
    }
  }
  return { error: writer('error'), warning: writer('warning'), info: writer('info'), debug: writer('debug') }
}

/** The nearest name; where there is none, the logger's most severe level for trouble and its least severe for the rest. */
function levelFor({ levels }: Logger, name: keyof Log): string {
  const known = NAMES[name].find(candidate => Object.hasOwn(levels, candidate))
  if (known !== undefined) return known
  const bySeverity = Object.keys(levels).sort((a, b) => (levels[a] ?? 0) - (levels[b] ?? 0))
  return bySeverity.at(name === 'error' || name === 'warning' ? 0 : -1) ?? name
}

function detailsOf(cause: unknown): { code?: unknown; stack?: string } {
  if (!(cause instanceof Error)) return {}
  return {
    ...('code' in cause ? { code: cause.code } : {}),
    ...(cause.stack === undefined ? {} : { stack: cause.stack }),
  }
}
