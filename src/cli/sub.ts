import { take, takeUntil, Subject } from 'rxjs'
import { InvalidArgumentError, type Command } from 'commander'
import type { Bus } from '../bus/bus.js'
import { Message } from '../message/message.js'
import { milliseconds } from '../host/settings.js'
import { describe, InvalidPatternError, UnreadablePayloadError } from '../errors.js'
import { openBus } from './bus.js'
import type { Cli } from './cli.js'
import { Exit } from './exit.js'
import type { Globals } from './globals.js'
import { longTimeout } from './long-timeout.js'
import { messageJson, messageLine, rawPayload } from './show.js'

const PREFETCH = 1024

interface Options {
  count?: number
  timeout?: number
  name?: string
  raw?: boolean
  json?: boolean
}

export function addSub(program: Command, cli: Cli): void {
  const json = program.createOption('--json', 'a JSON object a line, with id, topic, payload, headers …')
  program
    .command('sub')
    .summary('show messages as they come')
    .description(
      'Show each message whose topic matches, as "topic payload". Ends with exit code 0\nafter --count messages or when nobody reads its output any more, 3 after --timeout,\n130 on Ctrl-C.',
    )
    .argument('<pattern>', "a regular expression, found anywhere in the topic: '^orders\\.' anchors it")
    .option('--count <n>', 'end after so many messages', count)
    .option('--timeout <seconds>', 'end after so long, with exit code 3', seconds)
    .option('--name <name>', 'join the named subscription: it shares the work, and keeps while you are away')
    .option('--raw', 'the payload alone: bytes as they are, all else a line')
    .addOption(json.conflicts('raw'))
    .addHelpText(
      'after',
      `
Examples:
  msgvan sub '^orders\\.(eu|us)\\.'
  msgvan sub '^t' --count 3 --timeout 5
  msgvan sub . --json | jq .payload
  msgvan sub '^jobs' --name workers   run two: each job goes to one of them`,
    )
    .action(cli.action<Options>((globals, options, operands) => sub(cli, globals, options, operands)))
}

async function sub(cli: Cli, globals: Globals, options: Options, [source = '']: string[]): Promise<number> {
  const pattern = regExp(source)
  const { interrupt, output } = cli
  const end = new Ending()
  interrupt.signal.addEventListener('abort', () => end.with(interrupt.exitCode ?? Exit.Done))
  output.closed.addEventListener('abort', () =>
    end.with(output.failure === undefined ? Exit.Done : Exit.Error),
  )
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
  options: Options,
  cli: Cli,
  globals: Globals,
  end: Ending,
): Promise<number> {
  const { count: wanted = Infinity, name } = options
  const prefetch = Math.min(PREFETCH, wanted)
  const format = formatOf(options)
  try {
    const messages$ = bus.topic(pattern, { ack: 'manual', prefetch, ...(name === undefined ? {} : { name }) })
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
    if (cli.output.failure !== undefined) cli.talk(`cannot write: ${describe(cli.output.failure)}`)
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

function formatOf({ raw, json }: Options): (message: Message) => string | Uint8Array {
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

function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 up.')
  return Number(text)
}

function seconds(text: string): number {
  try {
    return milliseconds(text)
  } catch {
    throw new InvalidArgumentError('It is a number of seconds, such as 5 or 0.5.')
  }
}
