import { onAbort } from './on-abort.js'

/**
 * The outcome, or a rejection with the signal's reason when it aborts before. What the outcome is of goes on.
 *
 * @param signal not aborted yet
 * @param aborted called before the rejection
 */
export async function untilAborted<R>(
  outcome: Promise<R>,
  signal: AbortSignal | undefined,
  aborted?: () => void,
): Promise<R> {
  if (signal === undefined) return outcome
  let cancel = (): void => undefined
  const abort = new Promise<never>((_, reject) => {
    cancel = onAbort(signal, () => {
      aborted?.()
      reject(reasonOf(signal))
    })
  })
  try {
    return await Promise.race([outcome, abort])
  } finally {
    cancel()
  }
}

/** An app may abort with any value as the reason. */
export function reasonOf(signal: AbortSignal): Error {
  return signal.reason as Error
}
