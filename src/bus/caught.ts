type Refused = ((error: unknown) => void) | undefined

/**
 * Catches the rejection of a publish: an unhandled one would end the process.
 *
 * @param refused gets the reason
 */
export function caught(outcome: Promise<void>, refused: Refused): Promise<void> {
  outcome.catch(refused ?? ignore)
  return outcome
}

/** The promise of a publish that is refused at once. */
export function refusedWith(error: Error, refused: Refused): Promise<void> {
  refused?.(error)
  return caught(Promise.reject(error), undefined)
}

const ignore = (): void => undefined
