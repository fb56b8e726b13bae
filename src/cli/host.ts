import type { Command } from 'commander'
import { hostSettings } from '../host/settings.js'
import type { Cli } from './cli.js'
import { Exit } from './exit.js'
import type { Globals } from './globals.js'
import { addHostOptions, hostFlags, type HostOptions } from './host-options.js'

export function addHost(program: Command, cli: Cli): void {
  const command = program
    .command('host')
    .summary('be the host, in the foreground')
    .description(
      'Be the host, in the foreground, until Ctrl-C (exit code 0), `msgvan stop`, or the end of --idle. What handlers print is shown here too.',
    )
  addHostOptions(command)
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
  const settings = hostSettings(hostFlags(globals, options))
  const { runHost } = await import('../host/run-host.js')
  const { reportToStarter } = await import('../daemon/report.js')
  const report = reportToStarter()
  try {
    await runHost(settings, {
      onListening: addresses => {
        report.listening()
        cli.talk(`listening on ${addresses.join(' and ')} (pid ${process.pid})`)
      },
      ...(report.isAwaited ? {} : { echo: line => process.stdout.write(`${line.name}: ${line.text}\n`) }),
    })
  } catch (error) {
    await report.failed(error)
    throw error
  }
  return Exit.Done
}
