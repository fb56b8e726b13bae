import type { Command } from 'commander'
import { NotFoundError } from '../../errors.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'

interface Options {
  json?: boolean
}

export function addUnsubscribe(program: Command, cli: Cli): void {
  program
    .command('unsubscribe')
    .summary('remove a named subscription')
    .description(
      'Remove a named subscription or handler, with its pending messages. Exit code 1 if it does not exist.',
    )
    .argument('<name>', 'its name in `msgvan status`')
    .option('--json', 'print {"name":…,"removed":true|false}')
    .action(cli.action<Options>((globals, options, operands) => unsubscribe(cli, globals, options, operands)))
}

async function unsubscribe(
  cli: Cli,
  globals: Globals,
  { json = false }: Options,
  [name = '']: string[],
): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const removed = await bus.unsubscribe(name)
    if (json) await cli.output.json(JSON.stringify({ name, removed }))
    else if (removed) cli.talk(`${name} is unsubscribed`)
    else cli.fail(new NotFoundError(`there is no subscription ${JSON.stringify(name)} in van ${bus.name}`))
    return removed ? Exit.Done : Exit.Error
  } finally {
    await bus.close()
  }
}
