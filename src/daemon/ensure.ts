import { setTimeout as sleep } from 'node:timers/promises'
import { HostUnreachableError, PortTakenError } from '../errors.js'
import { somebodyListens } from './listens.js'
import { startHost, type StartOptions } from './start.js'

export interface EnsureOptions extends StartOptions {
  /** Start a host if none is running. */
  readonly autoStart: boolean
}

/** How the machine is looked at and changed; a spec puts its own in. */
export interface EnsureMeans {
  readonly listens: (port: number) => Promise<boolean>
  readonly start: typeof startHost
  readonly pause: (ms: number) => Promise<void>
}

const means: EnsureMeans = { listens: somebodyListens, start: startHost, pause: sleep }

/** So often a port is found taken by nobody that can be reached, before that is believed. */
const MOST_TRIES = 10

/**
 * Resolves when something listens on the port: a host that was there, or one that was started now. The listening socket
 * is the lock: of many processes that start a host at once, one host gets the port, and the others find it.
 *
 * @returns whether this call started it
 * @throws HostUnreachableError, PortTakenError
 */
export async function ensureHost(
  options: EnsureOptions,
  { listens, start, pause }: EnsureMeans = means,
): Promise<boolean> {
  const { port, autoStart } = options
  for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
    if (await listens(port)) return false
    if (!autoStart) throw new HostUnreachableError(`No host is running on port ${port}. ${howToStart(port)}`)
    const outcome = await start(options)
    if (outcome.started) return true
    if (await listens(port)) return false
    // Whoever had the port when the new host wanted it is gone again (a host that was just ending), or not yet listening.
    await pause(50 * tries)
  }
  throw new PortTakenError(
    `Port ${port} is taken by something that takes no connections. Use another: --port or MSGVAN_PORT.`,
  )
}

function howToStart(port: number): string {
  return `Start one with \`msgvan start --port ${port}\`.`
}
