import { take } from 'rxjs/internal/operators/take'
import { takeUntil } from 'rxjs/internal/operators/takeUntil'
import { Subject } from 'rxjs/internal/Subject'
import type { Bus } from '../../bus/contract/bus.js'
import { keepingRules, type TopicOptions } from '../../bus/contract/options.js'
import type { Rate } from '../../bus/contract/subscription-request.js'
import { longTimeout } from '../../bus/long-timeout.js'
import { InvalidOptionError, InvalidPatternError, UnreadablePayloadError } from '../../errors.js'
import { Message } from '../../message/message.js'
import type { OrderedOption } from '../../message/order/ordered.js'
import { describePattern } from '../../message/pattern.js'
import type { ReplayFrom } from '../../message/replay.js'
import { mqtt } from '../../message/wildcards/mqtt.js'
import { wildcard } from '../../message/wildcards/wildcard.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit, lineOf } from '../exit.js'
import type { Globals } from '../options/globals.js'
import type { Output } from '../text/output.js'
import { givenRegExp, givenTopic } from './given-pattern.js'
import { messageJson, messageLine, rawPayload } from '../text/show.js'

const PREFETCH = 1024

export interface SubOptions {
  exact?: boolean
  wildcard?: boolean
  mqtt?: boolean
  count?: number
  timeout?: number
  name?: string
  ordered?: OrderedOption
  from?: ReplayFrom
  rate?: Rate
  concurrency?: number
  raw?: boolean
  json?: boolean
}

/** Runs `msgvan sub`. A file of its own, so that other commands do not load it. */
export async function sub(
  cli: Cli,
  globals: Globals,
  options: SubOptions,
  [source]: string[],
): Promise<number> {
  const given = givenPattern(source, options)
  const { interrupt, output } = cli
  const end = new RunEnd()
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
    return await show(bus, given, options, cli, globals, end)
  } finally {
    stopClock?.()
  }
}

async function show(
  bus: Bus,
  given: RegExp | string | undefined,
  options: SubOptions,
  cli: Cli,
  globals: Globals,
  end: RunEnd,
): Promise<number> {
  const { count: wanted = Infinity, name, ordered, from, rate, concurrency } = options
  const prefetch = Math.min(PREFETCH, wanted)
  const write = writerOf(options, cli.output)
  try {
    const pattern = given ?? (await patternOf(bus, name ?? ''))
    const asked: TopicOptions = {
      ack: 'manual',
      prefetch,
      ...(name === undefined ? {} : { name }),
      ...(from === undefined ? {} : { from }),
      ...(rate === undefined ? {} : { rate }),
      ...(concurrency === undefined ? {} : { concurrency }),
    }
    // A watcher does not change the rules of the others, unless it gives one.
    const keeps = (ordered ?? rate ?? concurrency) === undefined
    const rules = ordered === undefined ? asked : { ...asked, ordered }
    const messages$ = bus.topic(pattern, keeps ? keepingRules(rules) : rules)
    const done = new Promise<void>((resolve, reject) => {
      messages$.pipe(take(wanted), takeUntil(end.signal)).subscribe({
        next: message => hand(message, write, cli),
        error: reject,
        complete: resolve,
      })
    })
    const inForce = bus.ready().then(() => {
      if (globals.verbose) cli.talk(`listening for ${describePattern(pattern)}`)
    })
    await Promise.all([inForce, done])
    await cli.output.flush()
    return end.settled ?? Exit.Done
  } finally {
    await bus.close({ timeout: 2_000 })
  }
}

/** Acked when it is written: a named subscription gives a message that the reader did not get to the next one. */
function hand(message: Message, write: Write, cli: Cli): void {
  let written: Promise<void>
  try {
    written = write(message)
  } catch (error) {
    if (!(error instanceof UnreadablePayloadError)) throw error
    cli.talk(`${message.topic}: ${lineOf(error) ?? ''}`)
    message.reject(error)
    return
  }
  void written.then(() => {
    if (cli.output.closed.aborted) Message.settlerOf(message).release(message)
    else message.ack()
  })
}

type Write = (message: Message) => Promise<void>

function writerOf({ raw, json }: SubOptions, output: Output): Write {
  // eslint-disable-next-line no-restricted-syntax -- the user asks for it
  if (raw === true) return message => output.raw(rawPayload(message))
  if (json === true) return message => output.json(messageJson(message))
  return message => output.line(messageLine(message))
}

/** The events that end a subscription before its count is full; the first one decides the exit code. */
class RunEnd {
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

/** undefined: the pattern of the existing named subscription. */
function givenPattern(source: string | undefined, options: SubOptions): RegExp | string | undefined {
  if (source !== undefined) return patternOfArgument(source, options)
  const { name, exact = false, wildcard: isSubject = false, mqtt: isFilter = false } = options
  if (name === undefined || exact || isSubject || isFilter)
    throw new InvalidOptionError(
      'Which topics? Give a pattern, such as `msgvan sub .` for all; or --name, to join an existing subscription.',
    )
  return undefined
}

function patternOfArgument(source: string, options: SubOptions): RegExp | string {
  if (options.exact === true) return givenTopic(source)
  if (options.wildcard === true) return wildcard(source)
  return options.mqtt === true ? mqtt(source) : givenRegExp(source)
}

/**
 * @throws InvalidPatternError if the subscription does not exist
 */
async function patternOf(bus: Bus, name: string): Promise<RegExp | string> {
  const found = (await bus.status()).subscriptions.find(each => each.name === name)
  if (found === undefined)
    throw new InvalidPatternError(
      `There is no subscription ${JSON.stringify(name)} in van ${bus.name}. Give a pattern for it.`,
    )
  return patternFrom(found.pattern)
}

/**
 * Reads a pattern of a status. It takes a topic that looks like a RegExp for one; then the van refuses the other
 * pattern.
 */
function patternFrom(shown: string): RegExp | string {
  const [, source, flags] = /^\/(.*)\/([a-z]*)$/s.exec(shown) ?? []
  if (source === undefined) return shown
  try {
    return new RegExp(source, flags)
  } catch {
    return shown
  }
}
