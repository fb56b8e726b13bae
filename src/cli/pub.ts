import { addAbortSignal } from 'node:stream'
import type { Command } from 'commander'
import type { Bus } from '../bus/bus.js'
import { checkPublishTopic } from '../message/topic.js'
import { InvalidOptionError } from '../errors.js'
import { openBus } from './bus.js'
import type { Cli } from './cli.js'
import { Exit } from './exit.js'
import type { Globals } from './globals.js'
import { linesOf } from './lines.js'
import { publishLines } from './publish-lines.js'

const LONGEST_LINE = 8 * 1024 * 1024

interface Options {
  json?: boolean
}

export function addPub(program: Command, cli: Cli): void {
  program
    .command('pub')
    .summary('publish a message, or each line of standard input')
    .description('Publish one message. With - as the payload: each line of standard input is a message.')
    .argument('<topic>', 'where to: any text that does not begin with $')
    .argument('[payload]', 'text; - reads lines from standard input; left out: no payload')
    .option('--json', 'the payload (or each line) is JSON')
    .addHelpText(
      'after',
      `
Examples:
  msgvan pub greetings hello
  msgvan pub orders.eu '{"id":7}' --json
  seq 3 | msgvan pub numbers -
  msgvan pub temperature -- -5          after -- nothing is an option`,
    )
    .action(cli.action<Options>((globals, options, operands) => pub(cli, globals, options, operands)))
}

async function pub(
  cli: Cli,
  globals: Globals,
  { json = false }: Options,
  [topic = '', payload]: string[],
): Promise<number> {
  checkPublishTopic(topic)
  if (payload === '-') return publishInput(cli, globals, topic, json)
  const value = payload !== undefined && json ? parse(payload, 'The payload') : payload
  const bus = await openBus(cli, globals)
  try {
    await bus.publish(topic, value)
  } finally {
    await bus.close()
  }
  return Exit.Done
}

async function publishInput(cli: Cli, globals: Globals, topic: string, json: boolean): Promise<number> {
  const { interrupt } = cli
  const bus: Bus = await openBus(cli, globals)
  let number = 0
  const publish = (line: string): Promise<void> => {
    number += 1
    return Promise.resolve(bus.publish(topic, json ? parse(line, `Line ${number}`) : line))
  }
  try {
    const input = addAbortSignal(interrupt.signal, process.stdin)
    const published = await publishLines(linesOf(input, LONGEST_LINE), publish, interrupt.signal)
    if (globals.verbose) cli.talk(`published ${published} on ${topic}`)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
  } finally {
    await bus.close({ drain: !interrupt.signal.aborted })
  }
  return interrupt.exitCode ?? Exit.Done
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new InvalidOptionError(`${what} is not JSON: ${text.slice(0, 60)}`, { cause: error })
  }
}
