import { TimeoutError } from '../../errors.js'
import type { ReadyOptions } from '../contract/bus.js'
import { longTimeout } from '../long-timeout.js'
import { reasonOf, untilAborted } from './until-aborted.js'

/** Waits until a broker is ready, as long as the caller wants to. */
export async function readyWithin(
  ready: (timeout?: number) => Promise<void>,
  { timeout, signal }: ReadyOptions,
): Promise<void> {
  if (signal?.aborted === true) throw reasonOf(signal)
  // A broker without a connection says why at that same time, so ask it first.
  const done = ready(timeout)
  if (timeout === undefined) return untilAborted(done, signal)
  let cancel = (): void => undefined
  const late = new Promise<never>((_, reject) => {
    cancel = longTimeout(() => {
      reject(
        new TimeoutError(
          `Not all that this bus asked for is in force within ${timeout} ms, though it is connected. It goes on waiting for it.`,
        ),
      )
    }, timeout)
  })
  try {
    await untilAborted(Promise.race([done, late]), signal)
  } finally {
    cancel()
  }
}
