import { setTimeout as sleep } from 'node:timers/promises'
import { HostUnreachableError, PortTakenError } from '../errors.js'
import { identify } from './find/identify.js'
import { somebodyListens } from './find/listens.js'
import { startHost, type StartOptions } from './start.js'

export interface EnsureOptions extends StartOptions {
  /** Start a host if none is running. */
  readonly autoStart: boolean
}

/** Access to the machine; a spec passes its own. */
export interface EnsureActions {
  readonly listens: (port: number) => Promise<boolean>
  readonly start: typeof startHost
  readonly pause: (ms: number) => Promise<void>
}

const actions: EnsureActions = { listens: staysThere, start: startHost, pause: sleep }

/** The most tries while the port is taken but not reachable. */
const MOST_TRIES = 10

/**
 * Resolves when a process listens on the port: a running host, or a new one. The listening socket is the lock: if many
 * processes start a host at once, one host gets the port, and the others find it.
 *
 * @returns whether this call started it
 * @throws HostUnreachableError, PortTakenError
 */
export async function ensureHost(
  options: EnsureOptions,
  { listens, start, pause }: EnsureActions = actions,
): Promise<boolean> {
  const { port, autoStart } = options
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    if (await listens(port)) return false
    if (!autoStart) throw new HostUnreachableError(`No host is running on port ${port}. ${howToStart(port)}`)
    const outcome = await start(options)
    if (outcome.started) return true
    if (await listens(port)) return false
    // The process that had the port when the new host wanted it is gone (a host that was just ending), or does not
    // listen yet.
    await pause(50 * tries)
  }
  throw new PortTakenError(
    `Port ${port} is taken by a process that accepts no connections. Use another port: --port or MSGVAN_PORT.`,
  )
}

/** A killed process listens for a moment longer, and cuts all connections off. */
async function staysThere(port: number): Promise<boolean> {
  if (!(await somebodyListens(port))) return false
  const identity = await identify(port)
  return identity !== 'ending' && identity !== 'nothing'
}

function howToStart(port: number): string {
  return `Start one with \`msgvan start --port ${port}\`.`
}
