type Refused = ((error: unknown) => void) | undefined

/** A rejection that nobody looks at would end the process: a publish that is refused does not. @param refused told of it */
export function caught(outcome: Promise<void>, refused: Refused): Promise<void> {
  outcome.catch(refused ?? ignore)
  return outcome
}

/** A publish that is refused at once. */
export function refusedWith(error: Error, refused: Refused): Promise<void> {
  refused?.(error)
  return caught(Promise.reject(error), undefined)
}

const ignore = (): void => undefined
