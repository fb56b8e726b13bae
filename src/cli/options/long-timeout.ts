/** The longest timer of Node; a longer one fires at once. */
const LONGEST = 2 ** 31 - 1

/** A timeout of any length, in steps. Returns a function that cancels it. */
export function longTimeout(act: () => void, ms: number): () => void {
  const due = performance.now() + ms
  let timer: NodeJS.Timeout
  const step = (): void => {
    const left = due - performance.now()
    if (left <= 0) act()
    else timer = setTimeout(step, Math.min(Math.ceil(left), LONGEST))
  }
  timer = setTimeout(step, Math.min(ms, LONGEST))
  return () => clearTimeout(timer)
}
