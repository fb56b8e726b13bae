const EVENTS = ['unhandledRejection', 'uncaughtException'] as const

/** By then Node has announced rejections without a handler, and RxJS has rethrown on its timer. */
const announced = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

/** Every error that would have ended the process while `run` runs, or right after. */
export async function unhandledIn(run: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = []
  const collect = (error: unknown): void => void errors.push(error)
  const before = EVENTS.map(event => [event, process.listeners(event as 'uncaughtException')] as const)
  for (const event of EVENTS) process.removeAllListeners(event).on(event, collect)
  try {
    await run()
    await announced()
  } finally {
    for (const [event, listeners] of before) {
      process.removeAllListeners(event)
      for (const listener of listeners) process.on(event, listener)
    }
  }
  return errors
}
