import type { Command } from 'commander'
import { NotFoundError } from '../../errors.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'

interface Options {
  json?: boolean
}

export function addCancel(program: Command, cli: Cli): void {
  program
    .command('cancel')
    .summary('take a delayed message back')
    .description(
      'Take a delayed message back, before any subscription gets it. Exit code 1 if there is none.',
    )
    .argument('<id>', 'the id that its publisher gave: `msgvan pub --id`')
    .option('--json', 'print {"id":…,"cancelled":true|false}')
    .addHelpText(
      'after',
      `
Examples:
  msgvan pub mails.remind 7 --delay 3600 --id remind-7
  msgvan cancel remind-7`,
    )
    .action(cli.action<Options>((globals, options, operands) => cancel(cli, globals, options, operands)))
}

async function cancel(
  cli: Cli,
  globals: Globals,
  { json = false }: Options,
  [id = '']: string[],
): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const cancelled = await bus.cancel(id)
    if (json) await cli.output.json(JSON.stringify({ id, cancelled }))
    else if (cancelled) cli.talk(`${id} is cancelled`)
    else
      cli.fail(
        new NotFoundError(`no message with the id ${JSON.stringify(id)} is delayed in van ${bus.name}`),
      )
    return cancelled ? Exit.Done : Exit.Error
  } finally {
    await bus.close()
  }
}
