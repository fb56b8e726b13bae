import { setTimeout as pass } from 'node:timers/promises'
import type { Command } from 'commander'
import type { Bus } from '../../bus/contract/bus.js'
import { openBus, withoutStart } from '../bus.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'
import type { Globals } from '../options/globals.js'
import { sampleOf, type Look, type Sample } from '../text/rates.js'
import type { Output } from '../text/output.js'
import { topLines } from '../text/top-text.js'
import { count, interval } from '../options/values.js'

interface Options {
  interval?: number
  count?: number
  json?: boolean
}

export function addTop(program: Command, cli: Cli): void {
  program
    .command('top')
    .summary('watch what a van does, the busiest subscription first')
    .description(
      'Show again and again what the van does in a second, and each subscription with what waits in it, the busiest first. Starts no host. Ends after --count, or by Ctrl-C.',
    )
    .option('--interval <seconds>', 'look so often (default 1)', interval)
    .option('--count <n>', 'end after so many looks', count)
    .option('--json', 'a JSON object a line for each look')
    .addHelpText(
      'after',
      `
Examples:
  msgvan top
  msgvan top --count 1 --interval 5 --json | jq .perSecond`,
    )
    .action(cli.action<Options>((globals, options) => top(cli, globals, options)))
}

async function top(cli: Cli, globals: Globals, options: Options): Promise<number> {
  const { interval: every = 1_000, count: wanted = Infinity, json = false } = options
  const { interrupt, output } = cli
  output.watchReader()
  const over = whenAborted(AbortSignal.any([interrupt.signal, output.closed]))
  const bus = await openBus(cli, withoutStart(globals))
  try {
    let before = await look(bus)
    for (let looks = 0; looks < wanted; looks += 1) {
      // A host that is away is waited for.
      const after = await Promise.race([pass(every).then(() => look(bus)), over])
      if (after === undefined) break
      const sample = sampleOf(before, after, new Date())
      await (json ? output.json(JSON.stringify(sample)) : show(sample, output))
      before = after
    }
    return interrupt.exitCode ?? (output.failure === undefined ? Exit.Done : Exit.Error)
  } finally {
    await bus.close({ drain: false })
  }
}

async function look(bus: Bus): Promise<Look> {
  const status = await bus.status()
  return { status, at: performance.now() }
}

function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    signal.addEventListener('abort', () => resolve(undefined))
  })
}

/** On a terminal in place of the one before, as much as there is room for. */
function show(sample: Sample, output: Output): Promise<void> {
  const { isTTY, rows } = process.stdout
  return output.screen(topLines(sample, isTTY ? Math.max(rows - 9, 5) : Infinity), isTTY)
}
