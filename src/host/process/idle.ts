/** The longest time between two looks; also far below what a timer can take. */
const MOST_BETWEEN_MS = 30_000

export interface IdleWatchOptions {
  /** Idle for so long: then it is over. 0: never. */
  readonly idleMs: number
  /** Whether there is anybody to serve or anything to keep right now. */
  readonly isBusy: () => boolean
  /** Grows with all that comes and goes: who came and left between two looks is noticed too. */
  readonly activity: () => number
  readonly onIdle: () => void
  /** Milliseconds by a clock that is never set. */
  readonly now?: () => number
}

/** Says once when nothing was to be done for the whole of `idleMs`. Returns what ends the watch. */
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
    // Four looks at least: what begins just after a look is counted from the next one.
    timer = setTimeout(look, Math.ceil(Math.min(left, idleMs / 4, MOST_BETWEEN_MS))).unref()
  }
  wait(idleMs)
  return () => clearTimeout(timer)
}
