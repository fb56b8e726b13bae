import { addAbortSignal, type Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Bus } from '../../bus/contract/bus.js'
import type { PublishOptions } from '../../bus/contract/options.js'
import { checkKey } from '../../message/order/key.js'
import { checkPublishTopic } from '../../message/topic.js'
import { InvalidOptionError, PayloadTooLargeError } from '../../errors.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { linesOf } from '../text/lines.js'
import { nameWhoIsFull, within } from '../work/pub-wait.js'
import { publishLines } from '../work/publish-lines.js'
import { moment, seconds } from '../options/values.js'

/** The limit of a line, and of an input that is one payload. */
const LONGEST = 8 * 1024 * 1024

interface Options {
  binary?: boolean
  json?: boolean
  key?: string
  timeout?: number
  id?: string
  delay?: number
  at?: Date
  ttl?: number
}

export function addPub(program: Command, cli: Cli): void {
  const binary = program.createOption('--binary', 'with -: all of standard input is one payload, as bytes')
  program
    .command('pub')
    .summary('publish a message, or each line of standard input')
    .description('Publish one message. With - as the payload: each line of standard input is a message.')
    .argument('<topic>', 'the topic: any text that does not begin with $')
    .argument('[payload]', 'text; - reads lines from standard input; left out: no payload')
    .option('--json', 'the payload (or each line that is not blank) is JSON')
    .addOption(binary.conflicts('json'))
    .option('--key <key>', 'subscriptions that are ordered by key keep the order of its messages')
    .option(
      '--timeout <seconds>',
      'end after this time, with exit code 3, if the van has not taken everything over',
      seconds,
    )
    .addOption(program.createOption('--id <id>', 'the van takes a message with this id over once'))
    .addOption(
      program
        .createOption('--delay <seconds>', 'subscriptions get it after this time')
        .argParser(seconds)
        .conflicts('at'),
    )
    .addOption(
      program
        .createOption('--at <time>', 'subscriptions get it at this time: 2027-01-31T12:00:00Z')
        .argParser(moment),
    )
    .addOption(
      program
        .createOption(
          '--ttl <seconds>',
          'it expires so long after it is due, if it is not handed out by then',
        )
        .argParser(seconds),
    )
    .addHelpText(
      'after',
      `
Examples:
  msgvan pub greetings hello
  msgvan pub mails.remind 7 --delay 3600 --id remind-7
  msgvan pub orders.eu '{"id":7}' --json
  seq 3 | msgvan pub numbers -
  msgvan pub orders.eu paid --key customer-7
  msgvan pub pictures - --binary < cat.png
  msgvan pub temperature -- -5          after -- nothing is an option`,
    )
    .action(
      cli.action<Options>((globals, options, operands) =>
        within(cli, options.timeout, pub(cli, globals, options, operands)),
      ),
    )
}

async function pub(
  cli: Cli,
  globals: Globals,
  { json = false, binary = false, key, id, delay, at, ttl }: Options,
  [topic = '', payload]: string[],
): Promise<number> {
  checkPublishTopic(topic)
  if (key !== undefined) checkKey(key)
  const given = Object.entries({ key, id, delay, at, ttl }).filter(([, value]) => value !== undefined)
  const options = Object.fromEntries(given) as PublishOptions
  if (payload === '-') {
    if (id !== undefined && !binary)
      throw new InvalidOptionError('--id names one message: give its payload, or - with --binary.')
    const publishFrom = binary ? wholeInput(topic, options) : inputLines(topic, json, options)
    return publishInput(cli, globals, publishFrom)
  }
  if (binary) throw new InvalidOptionError('--binary reads standard input: give - as the payload.')
  const value = payload !== undefined && json ? parse(payload, 'The payload') : payload
  const bus = await openBus(cli, globals)
  const stop = nameWhoIsFull(cli, bus)
  try {
    await bus.publish(topic, value, options)
  } finally {
    stop()
    await bus.close()
  }
  return Exit.Done
}

/** Publishes its input. Resolves with the amount that the van accepted. */
type PublishFrom = (input: Readable, bus: Bus, signal: AbortSignal) => Promise<string>

async function publishInput(cli: Cli, globals: Globals, publishFrom: PublishFrom): Promise<number> {
  const { interrupt } = cli
  const bus: Bus = await openBus(cli, globals)
  const stop = nameWhoIsFull(cli, bus)
  try {
    const input = addAbortSignal(interrupt.signal, process.stdin)
    const published = await publishFrom(input, bus, interrupt.signal)
    if (globals.verbose) cli.talk(`published ${published}`)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  } finally {
    stop()
    await bus.close({ drain: !interrupt.signal.aborted })
  }
  return interrupt.exitCode ?? Exit.Done
}

function inputLines(topic: string, json: boolean, options: PublishOptions): PublishFrom {
  return async (input, bus, signal) => {
    let number = 0
    const publish = (line: string): Promise<void> | undefined => {
      number += 1
      // Like NDJSON's readers: a blank line, often the last one, has no value.
      if (json && line.trim() === '') return undefined
      return bus.publish(topic, json ? parse(line, `Line ${number}`) : line, options)
    }
    return `${await publishLines(linesOf(input, LONGEST), publish, signal)} on ${topic}`
  }
}

function wholeInput(topic: string, options: PublishOptions): PublishFrom {
  return async (input, bus) => {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of input as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > LONGEST)
        throw new PayloadTooLargeError(`The input has more than ${LONGEST} bytes: no payload is longer.`)
    }
    await bus.publish(topic, Buffer.concat(chunks), options)
    return `${size} bytes on ${topic}`
  }
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new InvalidOptionError(`${what} is not JSON: ${text.slice(0, 60)}`, { cause: error })
  }
}
