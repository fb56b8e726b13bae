import { take } from 'rxjs/internal/operators/take'
import { takeUntil } from 'rxjs/internal/operators/takeUntil'
import { Subject } from 'rxjs/internal/Subject'
import type { Bus } from '../../bus/contract/bus.js'
import { keepingRules } from '../../bus/contract/options.js'
import { describe, InvalidPatternError, UnreadablePayloadError } from '../../errors.js'
import { Message } from '../../message/message.js'
import type { ReplayFrom } from '../../message/replay.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { longTimeout } from '../options/long-timeout.js'
import { messageJson, messageLine, rawPayload } from '../text/show.js'

const PREFETCH = 1024

export interface SubOptions {
  count?: number
  timeout?: number
  name?: string
  from?: ReplayFrom
  raw?: boolean
  json?: boolean
}

/** `msgvan sub`, once it is known that this is what is wanted. */
export async function sub(
  cli: Cli,
  globals: Globals,
  options: SubOptions,
  [source = '']: string[],
): Promise<number> {
  const pattern = regExp(source)
  const { interrupt, output } = cli
  const end = new Ending()
  interrupt.signal.addEventListener('abort', () => end.with(interrupt.exitCode ?? Exit.Done))
  output.closed.addEventListener('abort', () =>
    end.with(output.failure === undefined ? Exit.Done : Exit.Error),
  )
  output.watchReader()
  const stopClock =
    options.timeout === undefined ? undefined : longTimeout(() => end.with(Exit.Timeout), options.timeout)
  try {
    const opening = openBus(cli, globals)
    const bus = await Promise.race([opening, end.code])
    if (typeof bus === 'number') {
      void opening.then(late => late.close({ drain: false })).catch(() => undefined)
      return bus
    }
    return await show(bus, pattern, options, cli, globals, end)
  } finally {
    stopClock?.()
  }
}

async function show(
  bus: Bus,
  pattern: RegExp,
  options: SubOptions,
  cli: Cli,
  globals: Globals,
  end: Ending,
): Promise<number> {
  const { count: wanted = Infinity, name, from } = options
  const prefetch = Math.min(PREFETCH, wanted)
  const format = formatOf(options)
  try {
    const messages$ = bus.topic(
      pattern,
      // Whoever looks on does not change the rules of those who work.
      keepingRules({
        ack: 'manual',
        prefetch,
        ...(name === undefined ? {} : { name }),
        ...(from === undefined ? {} : { from }),
      }),
    )
    const done = new Promise<void>((resolve, reject) => {
      messages$.pipe(take(wanted), takeUntil(end.signal)).subscribe({
        next: message => hand(message, format, cli),
        error: reject,
        complete: resolve,
      })
    })
    const inForce = bus.ready().then(() => {
      if (globals.verbose) cli.talk(`listening for ${String(pattern)}`)
    })
    await Promise.all([inForce, done])
    await cli.output.flush()
    return end.settled ?? Exit.Done
  } finally {
    await bus.close({ timeout: 2_000 })
  }
}

/** Acked when it is written: what a reader did not get, a named subscription gives to the next. */
function hand(message: Message, format: (message: Message) => string | Uint8Array, cli: Cli): void {
  let shown: string | Uint8Array
  try {
    shown = format(message)
  } catch (error) {
    if (!(error instanceof UnreadablePayloadError)) throw error
    cli.talk(`${message.topic}: ${error.message}`)
    message.reject(error)
    return
  }
  void cli.output.write(shown).then(() => {
    if (cli.output.closed.aborted) Message.settlerOf(message).release(message)
    else message.ack()
  })
}

function formatOf({ raw, json }: SubOptions): (message: Message) => string | Uint8Array {
  if (raw === true) return rawPayload
  const line = json === true ? messageJson : messageLine
  return message => `${line(message)}\n`
}

/** What ends a subscription before its count is full; the first to come decides the exit code. */
class Ending {
  readonly signal = new Subject<void>()
  settled: number | undefined
  #resolve: (code: number) => void = () => undefined
  readonly code = new Promise<number>(resolve => {
    this.#resolve = resolve
  })

  with(code: number): void {
    this.settled ??= code
    this.#resolve(this.settled)
    this.signal.next()
  }
}

function regExp(source: string): RegExp {
  try {
    return new RegExp(source)
  } catch (error) {
    throw new InvalidPatternError(`${JSON.stringify(source)} is no regular expression: ${describe(error)}`, {
      cause: error,
    })
  }
}
