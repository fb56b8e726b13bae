/** The longest time between two looks; also far below the longest timer. */
const MOST_BETWEEN_MS = 30_000

export interface IdleWatchOptions {
  /** The host ends after this idle time. 0: never. */
  readonly idleMs: number
  /** Whether a client is served or a message kept now. */
  readonly isBusy: () => boolean
  /** Grows with each arrival and departure, so that a visit between two looks is noticed too. */
  readonly activity: () => number
  readonly onIdle: () => void
  /** Milliseconds by a clock that is never set. */
  readonly now?: () => number
}

/** Calls back once when there was nothing to do for the whole of `idleMs`. Returns a function that ends the watch. */
export function watchIdle(options: IdleWatchOptions): () => void {
  const { idleMs, isBusy, activity, onIdle, now = () => performance.now() } = options
  if (idleMs === 0) return () => undefined
  let idleSince = now()
  let seen = activity()
  let timer: NodeJS.Timeout

  const look = (): void => {
    const time = now()
    if (isBusy() || activity() !== seen) {
      seen = activity()
      idleSince = time
    }
    const left = idleMs - (time - idleSince)
    if (left <= 0) onIdle()
    else wait(left)
  }
  const wait = (left: number): void => {
    // Four looks at least: activity just after a look counts from the next one.
    timer = setTimeout(look, Math.ceil(Math.min(left, idleMs / 4, MOST_BETWEEN_MS))).unref()
  }
  wait(idleMs)
  return () => clearTimeout(timer)
}
