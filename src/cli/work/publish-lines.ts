/** The most messages on their way at once: enough to keep batches full, and few enough for memory with any input. */
const MOST_MESSAGES = 4096
const MOST_CHARACTERS = 1024 * 1024

/**
 * Publishes each line, in order, with a bounded number of unfinished publishes. Input that comes faster than the van
 * takes it waits in its stream. Stops at the first failure.
 *
 * @param publish returns undefined for a line without a message
 * @returns the number of messages that the van accepted
 */
export async function publishLines(
  lots: AsyncIterable<readonly string[]>,
  publish: (line: string) => Promise<void> | undefined,
  signal: AbortSignal,
): Promise<number> {
  let messages = 0
  let characters = 0
  let published = 0
  let failure: { readonly error: unknown } | undefined
  let wake: (() => void) | undefined

  const send = (line: string): void => {
    const taken = publish(line)
    if (taken === undefined) return
    messages += 1
    characters += line.length
    const settle = (): void => {
      messages -= 1
      characters -= line.length
      if (
        failure !== undefined ||
        messages === 0 ||
        (messages <= MOST_MESSAGES / 2 && characters <= MOST_CHARACTERS / 2)
      )
        wake?.()
    }
    taken.then(
      () => {
        published += 1
        settle()
      },
      (error: unknown) => {
        failure ??= { error }
        settle()
      },
    )
  }
  const woken = (): Promise<void> =>
    new Promise(resolve => {
      wake = resolve
      if (signal.aborted) resolve()
    })
  signal.addEventListener('abort', () => wake?.())

  for await (const lines of lots) {
    for (const line of lines) {
      if (failure !== undefined || signal.aborted) break
      send(line)
      if (messages >= MOST_MESSAGES || characters >= MOST_CHARACTERS) await woken()
    }
    if (failure !== undefined || signal.aborted) break
  }
  while (messages > 0 && failure === undefined && !signal.aborted) await woken()
  if (failure !== undefined) throw failure.error
  return published
}
