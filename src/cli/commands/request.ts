import type { Command } from 'commander'
import type { Cli } from '../cli.js'
import { count, seconds } from '../options/values.js'
import type { ReplyCommandOptions } from '../work/run-reply.js'
import type { RequestCommandOptions } from '../work/run-request.js'

export function addRequest(program: Command, cli: Cli): void {
  program
    .command('request')
    .summary('ask a responder, and show its answer')
    .description(
      'Ask one of the responders of the topic, and write its answer to standard output: text as a line, bytes unchanged, everything else as JSON.',
    )
    .argument('<topic>', 'the topic of the request: any text that does not begin with $')
    .argument('[payload]', 'text; - reads all of standard input; left out: no payload')
    .option('--json', 'the payload is JSON, and so is the answer that is shown')
    .addOption(
      program
        .createOption('--raw', 'show a terminal the answer unchanged, control characters included')
        .conflicts('json'),
    )
    .option('--timeout <seconds>', 'the longest wait, 10 by default; then exit code 3', seconds)
    .option('--attempts <n>', 'how many responders may die of it, 3 by default', count)
    .addHelpText(
      'after',
      `
Examples:
  msgvan request prices.of pens
  msgvan request orders.check '{"id":7}' --json --timeout 2 | jq .state`,
    )
    .action(
      cli.action<RequestCommandOptions>(async (globals, options, operands) => {
        const { request } = await import('../work/run-request.js')
        return request(cli, globals, options, operands)
      }),
    )
}

export function addReply(program: Command, cli: Cli): void {
  program
    .command('reply')
    .summary('answer requests by a command')
    .description(
      'Run a shell command for each request whose topic matches. It reads the payload from standard input, and the topic from MSGVAN_TOPIC; what it writes to standard output is the answer. An exit code other than 0 is an error, with the last line of standard error. When the asker gives up, the command is killed.',
    )
    .argument('<pattern>', "a regular expression, found anywhere in the topic: '^prices\\.' anchors it")
    .requiredOption('--command <command>', 'the command, for the shell')
    .option('--exact', 'the pattern is one exact topic, not a regular expression')
    .option('--name <name>', 'share the requests with all responders of that name')
    .option('--concurrency <n>', 'the number of commands at once, 1 by default', count)
    .option('--json', 'the answer is JSON')
    .addHelpText(
      'after',
      `
Examples:
  msgvan reply '^shout' --command 'tr a-z A-Z'
  msgvan reply sums --exact --command 'jq add' --json --concurrency 4`,
    )
    .action(
      cli.action<ReplyCommandOptions>(async (globals, options, operands) => {
        const { reply } = await import('../work/run-reply.js')
        return reply(cli, globals, options, operands)
      }),
    )
}
