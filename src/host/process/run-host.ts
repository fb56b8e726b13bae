import { describe } from '../../errors.js'
import { takeOver } from '../hand-over/take-over.js'
import { readRegistrations } from '../handlers/registrations.js'
import { HostEnd, type EndReason } from './host-end.js'
import { Host } from './host.js'
import { openHostFiles, type HostFiles } from './host-files.js'
import type { LogLine } from './logs.js'
import { restoreHost, type HostBefore } from './restore-host.js'
import type { HostSettings } from './settings.js'

export interface RunHostOptions extends HostBefore {
  /** First takes over the memory of the present host, which ends. If that fails, this one does not begin. */
  readonly takesOver?: boolean
  /** It is this machine's host now, at these addresses. */
  readonly onListening: (addresses: readonly string[]) => void
  /** Runs in the foreground: gets each line of output of handlers and actors. Default: in the background. */
  readonly echo?: (line: LogLine) => void
  /** Offers the capabilities of the previous host, not those of its settings. */
  readonly keepsCapabilities?: boolean
}

/**
 * Runs this process as this machine's host until there is a reason to end: a signal, `msgvan stop`, or `idleMs` without
 * work. Resolves with the reason when everything is closed. Of its files only logs are left then.
 *
 * @throws AuthError (beyond loopback without a token), PortTakenError, InvalidOptionError, HostUnreachableError
 */
export async function runHost(settings: HostSettings, options: RunHostOptions): Promise<EndReason> {
  const files = await openHostFiles(settings, options.echo)
  const ending = new HostEnd()
  try {
    const host = await openHost(settings, options, files, ending)
    options.onListening(host.server.addresses)
    const reason = await host.endReason()
    await host.end(reason)
    return reason
  } finally {
    ending.release()
    files.close()
  }
}

/** Takes over from the present host, listens, restores that one's messages, and lets clients in. */
async function openHost(
  settings: HostSettings,
  options: RunHostOptions,
  files: HostFiles,
  ending: HostEnd,
): Promise<Host> {
  const { paths, log } = files
  const { port } = settings
  if (options.takesOver === true) await takeOver({ port, paths })
  const before = await readRegistrations(paths.registrations(port), text => log.warning(text))
  const isGoingOn = options.keepsCapabilities === true && before !== undefined
  const host = new Host({
    settings,
    files,
    ending,
    isInForeground: options.echo !== undefined,
    capabilities: { ...before?.capabilities, ...(isGoingOn ? {} : settings.capabilities) },
  })
  await host.listen()
  try {
    const registrations = await restoreHost(host, settings, files, before, options)
    endOnUncaught(files)
    await host.serve(registrations)
  } catch (error) {
    await host.close()
    throw error
  }
  return host
}

/** The pid file stays, so that clients know that the host did not end in order, and start another. */
function endOnUncaught({ log, lines }: HostFiles): void {
  process.once('uncaughtException', error => {
    log.error('the host ends by an error of its own', error)
    for (const line of (error.stack ?? describe(error)).split('\n')) lines.write('host', 'err', line)
    lines.close()
    process.exit(1)
  })
}
