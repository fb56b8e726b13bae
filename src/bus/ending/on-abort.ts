/** One listener for all that waits for a signal: Node warns of a leak at the eleventh. */
class AbortWatch {
  readonly #signal: AbortSignal
  readonly #acts = new Set<() => void>()
  readonly #aborted = (): void => {
    const acts = [...this.#acts]
    this.#acts.clear()
    for (const act of acts) act()
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  add(act: () => void): void {
    if (this.#acts.size === 0) this.#signal.addEventListener('abort', this.#aborted, { once: true })
    this.#acts.add(act)
  }

  delete(act: () => void): void {
    if (this.#acts.delete(act) && this.#acts.size === 0)
      this.#signal.removeEventListener('abort', this.#aborted)
  }
}

const watches = new WeakMap<AbortSignal, AbortWatch>()

/**
 * Calls `act` once, when the signal aborts. `act` must not throw.
 *
 * @returns a function that ends the wait: nothing of it stays at the signal
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let watch = watches.get(signal)
  if (watch === undefined) {
    watch = new AbortWatch(signal)
    watches.set(signal, watch)
  }
  // The same function may wait twice.
  const own = (): void => act()
  watch.add(own)
  return () => watch.delete(own)
}
