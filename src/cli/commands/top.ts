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
    .summary('watch a van, the busiest subscription first')
    .description(
      'Show the rates of the van a second, and each subscription with its pending messages, the busiest first, again and again. It does not start a host. Ends after --count, or on Ctrl-C.',
    )
    .option('--interval <seconds>', 'time between two looks (default 1)', interval)
    .option('--count <n>', 'end after this number of looks', count)
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
      // Waits for a host that is away.
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

/** On a terminal in place of the one before, as far as there is room. */
function show(sample: Sample, output: Output): Promise<void> {
  const { isTTY, rows } = process.stdout
  return output.screen(topLines(sample, isTTY ? Math.max(rows - 9, 5) : Infinity), isTTY)
}
