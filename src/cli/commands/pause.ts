import type { Command } from 'commander'
import { NotFoundError } from '../../errors.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'

interface Options {
  json?: boolean
}

export function addPause(program: Command, cli: Cli): void {
  program
    .command('pause')
    .summary('hold a named subscription')
    .description(
      'Hold a named subscription: it keeps its messages, takes new ones in, and hands out none until `msgvan resume`. Work in hand goes on. Exit code 1 if it does not exist.',
    )
    .argument('<name>', 'its name in `msgvan status`')
    .option('--json', 'print {"name":…,"paused":true|false}')
    .action(cli.action<Options>((globals, options, names) => pause(cli, globals, options, names, true)))
}

export function addResume(program: Command, cli: Cli): void {
  program
    .command('resume')
    .summary('let a paused subscription go on')
    .description('Let a paused subscription go on. Exit code 1 if it does not exist.')
    .argument('<name>', 'its name in `msgvan status`')
    .option('--json', 'print {"name":…,"resumed":true|false}')
    .action(cli.action<Options>((globals, options, names) => pause(cli, globals, options, names, false)))
}

async function pause(
  cli: Cli,
  globals: Globals,
  { json = false }: Options,
  [name = '']: string[],
  isPaused: boolean,
): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const isThere = await (isPaused ? bus.pause(name) : bus.resume(name))
    const done = isPaused ? 'paused' : 'resumed'
    if (json) await cli.output.json(JSON.stringify({ name, [done]: isThere }))
    else if (isThere) cli.talk(`${name} is ${done}`)
    else cli.fail(new NotFoundError(`there is no subscription ${JSON.stringify(name)} in van ${bus.name}`))
    return isThere ? Exit.Done : Exit.Error
  } finally {
    await bus.close()
  }
}
