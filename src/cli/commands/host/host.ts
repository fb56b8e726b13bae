import { Option, type Command } from 'commander'
import { statePaths } from '../../../state/paths.js'
import type { Cli } from '../../cli.js'
import { Exit } from '../../exit.js'
import type { Globals } from '../../options/globals.js'
import { addHostOptions, hostFlags, type HostOptions } from '../../options/host-options.js'

export function addHost(program: Command, cli: Cli): void {
  const command = program
    .command('host')
    .summary('be the host, in the foreground')
    .description(
      'Be the host, in the foreground, until Ctrl-C (exit code 0), `msgvan stop`, or the end of --idle. It shows the output of handlers too. An option without a flag or variable is as it was for the previous host on this port.',
    )
  addHostOptions(command)
    .addOption(new Option('--report <fd>', 'where the starting process waits for its report').hideHelp())
    .addOption(new Option('--take-over', 'first take over from the present host').hideHelp())
    .addOption(new Option('--auto', 'as a client starts it: it ends when it was idle').hideHelp())
    .addHelpText(
      'after',
      `
Examples:
  msgvan host --idle 60
  MSGVAN_TOKEN=$(openssl rand -hex 32) msgvan host --listen 0.0.0.0`,
    )
    .action(cli.action<HostOptions>((globals, options) => host(cli, globals, options)))
}

async function host(cli: Cli, globals: Globals, options: HostOptions): Promise<number> {
  const { nextSettings } = await import('../../../daemon/next-settings.js')
  const { reportToStarter } = await import('../../../daemon/report.js')
  const report = reportToStarter(options.report)
  try {
    const flags = hostFlags(globals, options)
    const { settings, ...before } = await nextSettings(flags, statePaths(), options.fresh === true)
    const { runHost } = await import('../../../host/process/run-host.js')
    await runHost(settings, {
      ...before,
      takesOver: options.takeOver === true,
      onListening: addresses => {
        report.listening()
        cli.talk(`listening on ${addresses.join(' and ')} (pid ${process.pid})`)
      },
      ...(report.isAwaited ? {} : { echo: line => void cli.output.line(`${line.name}: ${line.text}`) }),
    })
  } catch (error) {
    report.failed(error)
    throw error
  }
  return Exit.Done
}
