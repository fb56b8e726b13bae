import type { Command } from 'commander'
import { statePaths } from '../../../state/paths.js'
import { parseLine } from '../../../host/process/logs.js'
import type { Cli } from '../../cli.js'
import { Exit } from '../../exit.js'
import { followLog } from '../../work/follow-log.js'
import type { Globals } from '../../options/globals.js'

interface Options {
  follow?: boolean
  json?: boolean
}

export function addLogs(program: Command, cli: Cli): void {
  program
    .command('logs')
    .summary('show what handlers in the host print')
    .description(
      "Show the output of the host's handlers, oldest first, a line each:\n<time> <handler> <out|err> <text>. Works without a running host too.",
    )
    .argument('[name]', "only this handler's lines")
    .option('-f, --follow', 'go on as it comes, until Ctrl-C')
    .option('--json', 'a JSON object a line, with time, name, stream, text')
    .addHelpText(
      'after',
      `
Examples:
  msgvan logs
  msgvan logs printer --follow`,
    )
    .action(cli.action<Options>((globals, options, operands) => logs(cli, globals, options, operands)))
}

async function logs(
  cli: Cli,
  { port }: Globals,
  { follow = false, json = false }: Options,
  [name]: string[],
): Promise<number> {
  const { output, interrupt } = cli
  const paths = statePaths()
  output.watchReader()
  const signal = AbortSignal.any([interrupt.signal, output.closed])
  for await (const lines of followLog(paths.log(port), { follow, signal })) {
    const shown = lines.flatMap(line => show(line, name, json))
    // A slow reader holds back the reading of the file.
    if (shown.length > 0) await (json ? output.json(...shown) : output.lines(shown))
    if (signal.aborted) break
  }
  await output.flush()
  return interrupt.exitCode ?? Exit.Done
}

function show(line: string, name: string | undefined, json: boolean): string[] {
  if (name === undefined && !json) return [line]
  const parsed = parseLine(line)
  if (parsed === undefined || (name !== undefined && parsed.name !== name)) return []
  return [json ? JSON.stringify(parsed) : line]
}
