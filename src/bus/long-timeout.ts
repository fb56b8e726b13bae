/** The longest timer of JavaScript, about 24 days; a longer one fires at once. */
const LONGEST = 2 ** 31 - 1

/**
 * A timeout of any length, in steps; with `Infinity` it never acts.
 *
 * @param holdsProcess false: the process may end before. Default true
 * @returns a function that cancels it
 */
export function longTimeout(act: () => void, ms: number, holdsProcess = true): () => void {
  const due = performance.now() + ms
  let timer: ReturnType<typeof setTimeout>
  const wait = (left: number): void => {
    timer = setTimeout(step, Math.min(Math.ceil(left), LONGEST))
    if (!holdsProcess && typeof timer === 'object') timer.unref()
  }
  const step = (): void => {
    const left = due - performance.now()
    if (left <= 0) act()
    else wait(left)
  }
  wait(ms)
  return () => clearTimeout(timer)
}
