import type { Broker } from '../bus/contract/broker.js'
import type { MsgvanError } from '../errors.js'
import { escapeControls } from '../log/escape-controls.js'
import { logTo, type Log, type LogTarget } from '../log/log.js'

/** One for all buses of this process: it reports trouble with syslog once. */
let shared: Log | undefined
let loading: Promise<void> | undefined

interface Line {
  readonly level: 'warning' | 'debug'
  readonly text: string
  readonly error: MsgvanError | undefined
  readonly at: number
}

/** The most lines that wait while the logger loads. */
const MOST_WAITING = 1_000
const waiting: Line[] = []

/**
 * Logs a bus's reports: its errors as warnings, its states for debugging. The logger loads at the first line: most
 * processes never need it, and it takes time to load. Until then lines go to standard error if the process ends first.
 */
export function logTrouble(
  broker: Broker,
  { van, verbose, logger }: { van: string; verbose: boolean; logger: LogTarget | undefined },
): void {
  const own = logger === undefined ? undefined : logTo(logger)
  const say = (level: Line['level'], text: string, error?: MsgvanError): void => {
    const log = own ?? shared
    if (log !== undefined) return write(log, level, text, error)
    if (waiting.length < MOST_WAITING) waiting.push({ level, text, error, at: Date.now() })
    load(verbose)
  }
  let hasClosed = false
  const warn = (error: MsgvanError): void => {
    // One for each publish that a closed bus refuses: a bus that closes without its host may have thousands.
    const isClosed = error.code === 'MSGVAN_CLOSED'
    if (isClosed && hasClosed) return
    hasClosed ||= isClosed
    const more = isClosed ? ' The log leaves out the other refusals of this bus.' : ''
    say('warning', `van ${van}: ${error.code} ${error.message}${more}`, error)
  }
  broker.errors$.subscribe(warn)
  broker.lateErrors$.subscribe(warn)
  if (verbose || logger !== undefined) broker.state$.subscribe(state => say('debug', `van ${van}: ${state}`))
}

/** However the process ends: there is no time to load anything. */
export function logAtEnd(): void {
  for (const { level, text, at } of waiting.splice(0)) {
    if (level === 'warning') {
      // A message is one line here too.
      const line = escapeControls(text.replace(/\s*[\r\n]+\s*/g, ' '))
      // eslint-disable-next-line no-console -- no log is loaded by now
      console.error(`${new Date(at).toISOString()} msgvan[${process.pid}] ${level}: ${line}`)
    }
  }
}

function load(verbose: boolean): void {
  if (loading !== undefined) return
  process.once('exit', logAtEnd)
  loading = import('../log/logger.js').then(
    ({ createLogger }) => {
      shared = logTo(createLogger({ program: 'msgvan', verbose }))
      process.off('exit', logAtEnd)
      for (const { level, text, error } of waiting.splice(0)) write(shared, level, text, error)
    },
    () => {
      // A bus works without a log.
      process.off('exit', logAtEnd)
      logAtEnd()
      loading = undefined
    },
  )
}

function write(log: Log, level: Line['level'], text: string, error: MsgvanError | undefined): void {
  if (error === undefined) log[level](text)
  else log[level](text, error)
}
