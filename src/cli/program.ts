import { Command } from 'commander'
import { CommandError, describe, InvalidOptionError } from '../errors.js'
import { version } from '../version.js'
import { Cli } from './cli.js'
import { Exit, exitOf, lineOf, oneLine } from './exit.js'
import { addGlobalOptions } from './options/globals.js'
import { addActors } from './commands/actors.js'
import { addBench } from './commands/bench.js'
import { addCancel } from './commands/cancel.js'
import { addDead } from './commands/dead.js'
import { addHelp } from './options/help.js'
import { addHost } from './commands/host/host.js'
import { addLogs } from './commands/host/logs.js'
import { addPrincipals, addToken } from './commands/host/principals.js'
import { addPause, addResume } from './commands/pause.js'
import { addPub } from './commands/pub.js'
import { addReply, addRequest } from './commands/request.js'
import { addRestart } from './commands/host/restart.js'
import { addStart } from './commands/host/start.js'
import { addStatus } from './commands/status.js'
import { addStop } from './commands/host/stop.js'
import { addStore } from './commands/host/store.js'
import { addSub } from './commands/sub.js'
import { addTop } from './commands/top.js'
import { addUnsubscribe } from './commands/unsubscribe.js'

/**
 * Runs one command line. Resolves with the exit code of the process.
 *
 * @param notUtf8 the number of an argument whose bytes are not UTF-8
 */
export async function run(args: readonly string[], notUtf8?: number): Promise<number> {
  const cli = new Cli()
  const program = programOf(cli)
  cli.command = args.find(arg => program.commands.some(command => command.name() === arg))
  try {
    if (notUtf8 !== undefined)
      throw new InvalidOptionError(
        `Argument ${notUtf8} is not UTF-8. Give text, or bytes on standard input: \`msgvan pub TOPIC - --binary\`.`,
      )
    if (args.length === 0) program.error('which command? One of: pub, sub, status, logs, start, stop, …')
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    cli.exit = exitOf(error)
    const line = lineOf(error)
    if (line !== undefined) cli.talk(line)
  }
  await cli.output.flush()
  const { failure } = cli.output
  if (failure === undefined) return cli.exit
  const code = cli.fail(new CommandError(`cannot write: ${describe(failure)}`))
  return cli.exit || code
}

export function programOf(cli: Cli): Command {
  const program = new Command('msgvan')
    .description(
      'Publish and subscribe across processes. A host, one background process on this machine, passes the messages on; pub and sub start it when it is not running.',
    )
    .version(version)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, helpWidth: Math.min(process.stdout.columns || 80, 80) })
    .configureOutput({
      writeOut: text => void cli.output.lines(text.replace(/\n$/, '').split('\n')),
      outputError: text => void cli.fail(new InvalidOptionError(usageLine(text, cli))),
    })
    .showSuggestionAfterError()
    .addHelpText(
      'after',
      `
Examples:
  msgvan sub '^orders\\.'                  in one terminal
  msgvan pub orders.eu hello              in another
  seq 3 | msgvan pub numbers -            each line is a message
  msgvan status

Exit codes: ${Exit.Done} done, ${Exit.Error} error, ${Exit.Usage} wrong usage, ${Exit.Timeout} timeout. Data
goes to standard output, messages to standard error. \`msgvan <command> --help\`
describes a command.`,
    )
  addGlobalOptions(program)
  addHelp(program)
  for (const add of [
    addPub,
    addSub,
    addRequest,
    addReply,
    addStatus,
    addTop,
    addLogs,
    addActors,
    addDead,
    addUnsubscribe,
    addPause,
    addResume,
    addCancel,
    addStart,
    addStop,
    addRestart,
    addHost,
    addStore,
    addToken,
    addPrincipals,
    addBench,
  ])
    add(program, cli)
  return program
}

/** Commander writes "error: …", and a suggestion on a second line. */
function usageLine(text: string, cli: Cli): string {
  const line = oneLine(text.replace(/^error: /, ''))
  return `${line}${/[.?)]$/.test(line) ? '' : '.'} See \`${['msgvan', cli.command, '--help'].filter(Boolean).join(' ')}\`.`
}
