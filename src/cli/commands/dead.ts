import type { Command } from 'commander'
import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { Bus } from '../../bus/contract/bus.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { InvalidOptionError, NotFoundError } from '../../errors.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { deadLetterJson, deadLetterLine, deadLetterLines } from '../text/show.js'

interface Options {
  subscription?: string
  all?: boolean
  json?: boolean
}

/** `msgvan dead list|show|replay|purge`: dead letters. */
export function addDead(program: Command, cli: Cli): void {
  const dead = program
    .command('dead')
    .summary('list, show, replay or purge dead letters')
    .description(
      'Dead letters: messages that a subscription gave up on, after all its attempts or by `reject`. The host keeps the newest 10,000 of each van.',
    )
    .addHelpText(
      'after',
      `
Examples:
  msgvan dead list --subscription billing
  msgvan dead replay --subscription billing   once billing is repaired
  msgvan dead purge --all`,
    )
  dead.action(() => dead.error('which? One of: list, show, replay, purge'))
  const command = (name: string, summary: string, description: string): Command =>
    dead
      .command(name)
      .summary(summary)
      .description(description)
      .option('--subscription <name>', 'only of this subscription (its name, or its id)')

  command('list', 'one line for each', 'One line for each dead letter, the oldest first.')
    .option('--json', 'one JSON object a line')
    .action(cli.action<Options>((globals, options) => list(cli, globals, options)))
  command(
    'show',
    'one with all its fields',
    'One dead letter with its payload, headers and error.\nExit code 1 if it does not exist.',
  )
    .argument('<id>', "the message's id, as `list` shows it")
    .option('--json', 'one JSON object a line')
    .action(cli.action<Options>((globals, options, [id]) => show(cli, globals, options, id)))
  command(
    'replay',
    'give them to their subscription again',
    'Give dead letters once more to the subscription that they came from, and only\nto it, with a fresh count. Letters of a subscription that is gone stay.',
  )
    .argument('[id]', "a message's id; without it, --subscription or --all")
    .option('--all', 'all of the van')
    .option('--json', 'print {"replayed":…}')
    .action(cli.action<Options>((globals, options, [id]) => each('replay', cli, globals, options, id)))
  command('purge', 'throw them away', 'Throw dead letters away.')
    .argument('[id]', "a message's id; without it, --subscription or --all")
    .option('--all', 'all of the van')
    .option('--json', 'print {"purged":…}')
    .action(cli.action<Options>((globals, options, [id]) => each('purge', cli, globals, options, id)))
}

async function list(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const { json = false } = options
  let count = 0
  await withBus(cli, globals, async bus => {
    for await (const page of bus.deadLetters().pages(filterOf(options, undefined), { payloads: json })) {
      count += page.length
      for (const letter of page)
        await (json ? cli.output.json(deadLetterJson(letter)) : cli.output.line(deadLetterLine(letter)))
    }
  })
  if (count === 0) cli.talk('no dead letters')
  return Exit.Done
}

async function show(cli: Cli, globals: Globals, options: Options, id: string | undefined): Promise<number> {
  const letters = await withBus(cli, globals, bus => bus.deadLetters().list(filterOf(options, id)))
  for (const letter of letters)
    await (options.json === true
      ? cli.output.json(deadLetterJson(letter))
      : cli.output.lines(deadLetterLines(letter)))
  if (letters.length > 0) return Exit.Done
  return cli.fail(noSuchLetter(id))
}

async function each(
  verb: 'replay' | 'purge',
  cli: Cli,
  globals: Globals,
  options: Options,
  id: string | undefined,
): Promise<number> {
  const { subscription, all = false, json = false } = options
  const isNarrowed = id !== undefined || subscription !== undefined
  if (isNarrowed === all)
    throw new InvalidOptionError('Which dead letters? Give an id or --subscription, or --all, and not both.')
  const count = await withBus(cli, globals, bus => bus.deadLetters()[verb](filterOf(options, id)))
  const done = `${verb}${verb === 'purge' ? 'd' : 'ed'}`
  if (json) await cli.output.json(JSON.stringify({ [done]: count }))
  else if (id === undefined || count > 0) cli.talk(`${done}: ${count}`)
  // A user who names a letter expects it to exist.
  return id !== undefined && count === 0 ? cli.fail(noSuchLetter(id)) : Exit.Done
}

function noSuchLetter(id: string | undefined): NotFoundError {
  return new NotFoundError(`there is no dead letter ${JSON.stringify(id)}: see \`msgvan dead list\``)
}

function filterOf({ subscription }: Options, id: string | undefined): DeadLetterFilter {
  return { ...(subscription === undefined ? {} : { subscription }), ...(id === undefined ? {} : { id }) }
}

async function withBus<R>(cli: Cli, globals: Globals, run: (bus: Bus) => Promise<R>): Promise<R> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    return await run(bus)
  } finally {
    await bus.close()
  }
}
