import winston, { type Logger } from 'winston'
import { consoleFallback, FileFallback } from './fallback.js'
import { formatLine } from './format.js'
import { MESSAGE, SyslogSocket } from './syslog-socket.js'
import { SyslogTransport } from './syslog-transport.js'

export type { Logger } from 'winston'

export interface CreateLoggerOptions {
  /**
   * The name in syslog: `msgvan`, `msgvan-host` … Every character except letters, digits, `.`, `_` and `-` becomes `-`.
   */
  readonly program: string
  /** Level debug, with stacks, instead of warning. */
  readonly verbose?: boolean | undefined
  /** Takes the lines while syslog cannot: a file, rotated at 4 MiB, three kept. Default: standard error. */
  readonly file?: string | undefined
  /** Default `/dev/log`. */
  readonly socket?: string | undefined
  /** How often an absent syslog is tried again, in ms. Default 5,000. */
  readonly retryEvery?: number | undefined
  /** Used instead, unchanged. */
  readonly logger?: Logger | undefined
}

/**
 * A winston logger to this machine's syslog, with syslog's levels. While syslog is away the lines go to `file`, or to
 * standard error. It never throws, never emits `error`, and never keeps the process alive. `close()` it; it drops later
 * lines.
 */
export function createLogger(options: CreateLoggerOptions): Logger {
  if (options.logger !== undefined) return options.logger
  const { verbose = false, file, socket = '/dev/log', retryEvery } = options
  const program = options.program.replace(/[^\w.-]+/g, '-').slice(0, 32) || 'msgvan'
  const transport = new SyslogTransport({
    program,
    socket: new SyslogSocket(socket, program),
    fallback: file === undefined ? consoleFallback : new FileFallback(file),
    ...(retryEvery === undefined ? {} : { retryEvery }),
  })
  const logger = winston.createLogger({
    levels: winston.config.syslog.levels,
    level: verbose ? 'debug' : 'warning',
    format: oneLine({ stacks: verbose }),
  })
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- it is one: the rule loses the way through `export =`
  logger.add(transport)
  // After `end()` a stream answers a write with an `error` event; a log line must not end the process.
  logger.on('error', () => undefined)
  // A logger without transports would complain about every line, and keep it.
  logger.on('close', () => {
    logger.silent = true
  })
  return logger
}

const oneLine = winston.format((info, options) => {
  info[MESSAGE] = formatLine(info, { stacks: (options as { stacks?: boolean }).stacks === true })
  return info
})
