import type { Logger } from 'winston'
import type { Broker } from '../bus/broker.js'
import type { MsgvanError } from '../errors.js'
import type { Log } from '../log/log.js'

/** One for all buses of this process: what it has to say of syslog it says once. */
let shared: Promise<Log> | undefined

/**
 * Logs what a bus reports: its errors as warnings, its states for debugging. The logger is loaded when there is something
 * to say: most processes never need it, and it takes its time to load.
 */
export function logTrouble(
  broker: Broker,
  options: { van: string; verbose: boolean; logger: Logger | undefined },
): void {
  const { van, verbose, logger } = options
  const say = (level: 'warning' | 'debug', text: string): void => {
    logFor(logger, verbose).then(
      log => log[level](text),
      () => undefined, // a bus works without a log
    )
  }
  const warn = (error: MsgvanError): void => say('warning', `van ${van}: ${error.code} ${error.message}`)
  broker.errors$.subscribe(warn)
  broker.lateErrors$.subscribe(warn)
  if (verbose || logger !== undefined) broker.state$.subscribe(state => say('debug', `van ${van}: ${state}`))
}

async function logFor(logger: Logger | undefined, verbose: boolean): Promise<Log> {
  const { logTo } = await import('../log/log.js')
  if (logger !== undefined) return logTo(logger)
  shared ??= import('../log/logger.js').then(({ createLogger }) =>
    logTo(createLogger({ program: 'msgvan', verbose })),
  )
  return shared
}
