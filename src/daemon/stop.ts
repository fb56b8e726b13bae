import { firstValueFrom } from 'rxjs/internal/firstValueFrom'
import { filter } from 'rxjs/internal/operators/filter'
import { AuthError, describe, HostUnreachableError, VersionMismatchError } from '../errors.js'
import { askHost, type HostAddress } from './find/ask.js'
import { isDeadWithin, isGoneWithin } from './gone.js'
import { somebodyListens } from './find/listens.js'
import { isAlive, isHostOn, readPidHint, removePidHint } from '../state/pid-hint.js'

export type StopOutcome =
  /** No host was there. */
  | { readonly was: 'absent' }
  /** It ended in order, as asked. */
  | { readonly was: 'stopped'; readonly pid: number }
  /** It did not answer, or did not end (`why`), and got a signal. */
  | { readonly was: 'terminated' | 'killed'; readonly pid: number; readonly why: string }

export interface StopOptions {
  /** The next host comes at once. */
  readonly isRestart?: boolean
  /** Milliseconds that the host may take to answer, and then to end. */
  readonly answer?: number
  readonly end?: number
}

/**
 * Ends the host on this port and waits until its process is gone and its port free. A host that does not answer, or
 * speaks another protocol, gets SIGTERM, then SIGKILL: by the pid file, and only if that process holds the port.
 *
 * @throws PortTakenError, AuthError, HostUnreachableError if it is still there
 */
export async function stopHost(address: HostAddress, options: StopOptions = {}): Promise<StopOutcome> {
  const { port, paths } = address
  const { answer = 5_000, end = 20_000 } = options
  const hinted = await readPidHint(paths, port)
  if (!(await somebodyListens(port))) {
    // A hint that a killed host left behind.
    if (hinted !== undefined) await removePidHint(paths, port, hinted)
    return { was: 'absent' }
  }
  try {
    const { pid, wasSeen } = await askToStop(address, answer, options.isRestart ?? false)
    // A client may have started the next one by now: then the port is never free.
    if (wasSeen ? await isDeadWithin(end, pid) : await isGoneWithin(end, pid, port))
      return { was: 'stopped', pid }
    return await terminate(address, pid, `it was asked to end, and did not within ${end / 1000} s`, end)
  } catch (error) {
    const mayBeOurs =
      error instanceof HostUnreachableError ||
      error instanceof VersionMismatchError ||
      error instanceof AuthError
    if (!mayBeOurs || hinted === undefined || !(await isHostOn(hinted, port))) throw error
    return terminate(address, hinted, shortly(error), end)
  }
}

/**
 * @returns the process that it asked, and whether it holds the port: then its end is the only condition
 */
function askToStop(
  address: HostAddress,
  timeout: number,
  isRestart: boolean,
): Promise<{ pid: number; wasSeen: boolean }> {
  return askHost(
    address,
    async broker => {
      const { pid } = (await broker.control.status()).host
      const wasSeen = await isHostOn(pid, address.port)
      // Its answer may be lost with the connection: the lost connection is answer enough.
      const gone = firstValueFrom(broker.state$.pipe(filter(state => state === 'reconnecting')), {
        defaultValue: 'closed',
      })
      await Promise.race([broker.callHost('stop', isRestart ? { isRestart } : undefined), gone])
      return { pid, wasSeen }
    },
    timeout,
  )
}

async function terminate(
  { paths, port }: HostAddress,
  pid: number,
  why: string,
  end: number,
): Promise<StopOutcome> {
  for (const [signal, was] of [
    ['SIGTERM', 'terminated'],
    ['SIGKILL', 'killed'],
  ] as const) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if (!isAlive(pid)) return { was: 'stopped', pid }
      throw new HostUnreachableError(`Host ${pid} cannot be ended: ${describe(error)}.`, { cause: error })
    }
    if (await isDeadWithin(end, pid)) {
      await removePidHint(paths, port, pid)
      return { was, pid, why }
    }
  }
  throw new HostUnreachableError(`Host ${pid} on port ${port} does not end, not even by SIGKILL.`)
}

/** Leaves out the advice about another version: the caller follows it. */
export function shortly(error: unknown): string {
  return error instanceof VersionMismatchError
    ? `it speaks another protocol: ${error.message.split('. ')[0] ?? ''}`
    : describe(error)
}
