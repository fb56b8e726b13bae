import type { Command } from 'commander'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { statusLines } from '../text/status-text.js'

interface Options {
  json?: boolean
}

export function addStatus(program: Command, cli: Cli): void {
  program
    .command('status')
    .summary("show the host and the van's subscriptions")
    .description(
      "Show this machine's host, the van's subscriptions with their pending messages, and counters. It does not start a host: exit code 1 if none is running.",
    )
    .option('--json', 'the same as one JSON object')
    .action(cli.action<Options>((globals, options) => status(cli, globals, options)))
}

async function status(cli: Cli, globals: Globals, { json = false }: Options): Promise<number> {
  const bus = await openBus(cli, withoutStart(globals))
  try {
    const now = await bus.status()
    await (json ? cli.output.json(JSON.stringify(now)) : cli.output.lines(statusLines(now)))
    return Exit.Done
  } finally {
    await bus.close()
  }
}
