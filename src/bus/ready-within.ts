import { TimeoutError } from '../errors.js'
import type { ReadyOptions } from './contract/bus.js'
import { longTimeout } from './long-timeout.js'

/** Waits until a broker is ready, as long as the caller wants to. */
export async function readyWithin(
  ready: (timeout?: number) => Promise<void>,
  { timeout, signal }: ReadyOptions,
): Promise<void> {
  if (timeout === undefined && signal === undefined) return ready()
  signal?.throwIfAborted()
  let cancel = (): void => undefined
  let aborted = (): void => undefined
  // A broker without a connection says why at that same time, so ask it first.
  const done = ready(timeout)
  const given = new Promise<never>((_, reject) => {
    aborted = () => reject(signal?.reason as Error)
    signal?.addEventListener('abort', aborted)
    if (timeout === undefined) return
    cancel = longTimeout(() => {
      reject(
        new TimeoutError(
          `Not all that this bus asked for is in force within ${timeout} ms, though it is connected. It goes on waiting for it.`,
        ),
      )
    }, timeout)
  })
  try {
    await Promise.race([done, given])
  } finally {
    cancel()
    signal?.removeEventListener('abort', aborted)
  }
}
