import { isWorkerClient } from '../../workers/worker-client.js'
import { rm } from 'node:fs/promises'
import type { StatePaths } from '../../state/paths.js'
import { describe, StoreError } from '../../errors.js'
import { writeRegistrations, type Registrations } from '../handlers/registrations.js'
import type { SessionManager } from '../session/session-manager.js'
import type { Session } from '../session/session.js'
import { writeHandOver } from './write.js'

export interface HandingOver {
  readonly paths: StatePaths
  readonly port: number
  readonly host: string
  readonly sessions: SessionManager
  readonly registered: () => Registrations
  readonly log: (text: string) => void
}

/**
 * Writes all of this host's memory down for the next one, and from then on does nothing that a client would notice. If
 * it fails the host continues as before.
 *
 * @param by the client that asks: it hears of the end
 * @throws UnsupportedError if a store keeps it, StoreError if it cannot be written
 */
export async function handOver(
  { paths, port, host, sessions, registered, log }: HandingOver,
  by = '',
): Promise<void> {
  const file = paths.registrations(port)
  // Its handlers and actors are clients that end with it.
  const staysBehind = (session: Session): boolean =>
    session.pid === process.pid || isWorkerClient(session.client) || session.client === by
  const held = sessions.transfer.held
  await writeRegistrations(file, registered())
  // Requests of this turn get their answers first.
  await new Promise(resolve => setImmediate(resolve))
  const begun = performance.now()
  try {
    const bytes = writeHandOver(paths.handOver(port), held, { host, staysBehind })
    sessions.transfer.abandon(session => session.client === by)
    log(
      `all that was in memory is handed over: ${bytes} bytes in ${Math.round(performance.now() - begun)} ms`,
    )
  } catch (error) {
    await rm(file, { force: true })
    throw new StoreError(
      `The memory of the host cannot be written to ${paths.handOver(port)}: ${describe(error)}. The host runs on. ` +
        'Make room there, or end it without its messages: msgvan stop.',
      { cause: error },
    )
  }
}
