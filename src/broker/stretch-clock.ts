/** So many readings at most share one look at the clock. */
const SHARED = 16

/**
 * The wall clock, read once for publishes that follow each other in one stretch of code: a reading costs more than all the
 * rest of handing a message on inside a process.
 */
export function stretchClock(): () => number {
  let now = 0
  let left = 0
  let isEndAwaited = false
  const end = (): void => {
    left = 0
    isEndAwaited = false
  }
  return () => {
    if (left > 0) {
      left -= 1
      return now
    }
    now = Date.now()
    left = SHARED - 1
    if (!isEndAwaited) {
      isEndAwaited = true
      queueMicrotask(end)
    }
    return now
  }
}
