import type { Command } from 'commander'
import type { ActorStatus } from '../../bus/contract/status.js'
import { NotFoundError } from '../../errors.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { columns } from '../text/status-text.js'

interface Options {
  json?: boolean
}

export function addActors(program: Command, cli: Cli): void {
  const command = program
    .command('actors')
    .summary('list actors, or stop one')
    .description(
      "List the van's actors: id, name, state, host, instances there, restarts, export and module. An actor with instances on several hosts has a line for each host.",
    )
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Examples:
  msgvan actors
  msgvan actors stop writer`,
    )
    .action(cli.action<Options>((globals, options) => list(cli, globals, options)))
  command
    .command('stop')
    .summary('stop an actor')
    .description(
      'Stop an actor and its children, when its messages in hand are done. Exit code 1 if it does not exist.',
    )
    .argument('<id>', 'its id or name, as `msgvan actors` shows it')
    .option('--json', 'print {"id":…,"stopped":true|false}')
    .action(cli.action<Options>((globals, options, operands) => stop(cli, globals, options, operands)))
}

async function list(cli: Cli, globals: Globals, { json = false }: Options): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const { actors } = await bus.status()
    if (json) for (const actor of actors) await cli.output.json(JSON.stringify(actor))
    else if (actors.length === 0) cli.talk(`there are no actors in van ${bus.name}`)
    else await cli.output.lines(columns(table(actors), 4))
    return Exit.Done
  } finally {
    await bus.close()
  }
}

function table(actors: readonly ActorStatus[]): string[][] {
  return [
    ['ID', 'NAME', 'STATE', 'HOST', 'INSTANCES', 'RESTARTS', 'ACTOR'],
    ...actors.map(({ id, name, state, host, instances, restarts, module, export: exported }) => [
      id,
      name ?? '-',
      state,
      host.slice(0, 8),
      // An older host does not report it.
      String((instances as number | undefined) ?? '-'),
      String(restarts),
      `${exported} of ${module}`,
    ]),
  ]
}

async function stop(
  cli: Cli,
  globals: Globals,
  { json = false }: Options,
  [idOrName = '']: string[],
): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const { actors } = await bus.status()
    const actor = actors.find(({ id, name }) => id === idOrName || name === idOrName)
    const stopped = actor !== undefined && (await bus.actors.stop(actor))
    if (json) await cli.output.json(JSON.stringify({ id: actor?.id ?? idOrName, stopped }))
    else if (stopped) cli.talk(`${idOrName} is stopped`)
    else cli.fail(new NotFoundError(`there is no actor ${JSON.stringify(idOrName)} in van ${bus.name}`))
    return stopped ? Exit.Done : Exit.Error
  } finally {
    await bus.close()
  }
}
