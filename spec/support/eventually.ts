const turn = () => new Promise<void>(resolve => setImmediate(resolve))
const pause = () => new Promise<void>(resolve => setTimeout(resolve, 5))

/**
 * Waits until `check` passes, asking anew after every turn of the event loop (and later every few milliseconds, to leave
 * the processor to those who are waited for). What it threw last is thrown when the time is up: on a machine that does much else
 * ten thousand messages take ten seconds and more.
 */
export async function eventually<T>(check: () => T | Promise<T>, within = 30_000): Promise<T> {
  const until = performance.now() + within
  for (let asked = 1; ; asked += 1) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > until) throw error
    }
    await (asked < 50 ? turn() : pause())
  }
}
