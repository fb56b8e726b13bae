import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import type { BenchOptions } from '../work/run-bench.js'
import { bytes, count } from '../options/values.js'

export function addBench(program: Command, cli: Cli): void {
  program
    .command('bench')
    .summary("measure this machine's host")
    .description(
      "Measure how many messages a second go through this machine's host, and how long one takes: one bus in this process publishes, another one subscribes and checks each message. It uses a van of its own, msgvan-bench. Starts a host if none is running.",
    )
    .option('--count <n>', 'number of messages (default 200000)', count)
    .option('--size <bytes>', 'bytes of each message (default 100)', bytes)
    .option('--json', 'the figures as one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  msgvan bench
  msgvan bench --count 10000 --size 65536 --json`,
    )
    .action(
      cli.action<BenchOptions>(async (globals, options) => {
        const { bench } = await import('../work/run-bench.js')
        return bench(cli, globals, options)
      }),
    )
}
