import { describePattern } from '../../message/pattern.js'
import { openBus } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { answerByCommand } from './answer-by-command.js'
import { givenRegExp, givenTopic } from './given-pattern.js'

export interface ReplyCommandOptions {
  command: string
  exact?: boolean
  name?: string
  concurrency?: number
  json?: boolean
}

/** Runs `msgvan reply`, until a signal ends it or the van refuses it. */
export async function reply(
  cli: Cli,
  globals: Globals,
  { command, exact, name, concurrency = 1, json = false }: ReplyCommandOptions,
  [source = '']: string[],
): Promise<number> {
  const pattern = exact === true ? givenTopic(source) : givenRegExp(source)
  const { interrupt } = cli
  const bus = await openBus(cli, globals)
  try {
    const options = { ...(name === undefined ? {} : { name }), concurrency }
    const replying = bus.reply(pattern, message => answerByCommand(command, message, json), options)
    const ended = new Promise<void>(resolve => {
      interrupt.signal.addEventListener('abort', () => resolve())
      replying.add(() => resolve())
    })
    await Promise.race([bus.ready(), ended])
    if (globals.verbose && !replying.closed) cli.talk(`answering ${describePattern(pattern)}`)
    await ended
    return interrupt.exitCode ?? Exit.Error
  } finally {
    await bus.close({ timeout: 2_000 })
  }
}
