import type { Bus } from './bus/contract/bus.js'

/** The first copy of this module in the process, as other copies, of this or another version, use it. */
interface SignalDrain {
  /**
   * @param beforeEnd called before the signal ends the process: Node calls nothing then
   */
  add(bus: Drained, beforeEnd: () => void): void
  /** Resolves when the process did not end by the signal after all; undefined while no signal came. */
  readonly ending: Promise<void> | undefined
}

type Drained = Pick<Bus, 'close' | 'state$'>

/** A process that the system protects from its own signal (the first one of a container) ends with this code. */
const EXIT_CODE = 143

/**
 * A process that SIGTERM ends (a service manager, the end of a container, `kill`) finishes the work in hand first: it
 * closes its buses, which drains them, and then the signal ends the process as usual. A second SIGTERM ends it at once.
 * An app that listens to SIGTERM decides for itself: this does nothing then.
 */
class Drain implements SignalDrain {
  readonly #open = new Set<Drained>()
  readonly #beforeEnd = new Set<() => void>()
  #ending: Promise<void> | undefined
  #survived: () => void = () => undefined

  get ending(): Promise<void> | undefined {
    return this.#ending
  }

  add(bus: Drained, beforeEnd: () => void): void {
    this.#beforeEnd.add(beforeEnd)
    if (this.#open.size === 0 && this.#ending === undefined) process.on('SIGTERM', this.#drain)
    this.#open.add(bus)
    bus.state$.subscribe({ complete: () => this.#forget(bus) })
  }

  #forget(bus: Drained): void {
    this.#open.delete(bus)
    // While draining, the listener holds off the end: #end removes it.
    if (this.#open.size === 0 && this.#ending === undefined) process.off('SIGTERM', this.#drain)
  }

  readonly #drain = (): void => {
    if (process.listenerCount('SIGTERM') > 1) return
    if (this.#ending !== undefined) return this.#end()
    this.#ending = new Promise(resolve => {
      this.#survived = resolve
    })
    void Promise.allSettled([...this.#open].map(bus => bus.close())).then(() => this.#end())
  }

  #end(): void {
    process.off('SIGTERM', this.#drain)
    for (const act of this.#beforeEnd) act()
    const isLeftToApp = process.listenerCount('SIGTERM') > 0
    process.kill(process.pid, 'SIGTERM')
    // Nothing below happens in a process that the signal ends.
    setTimeout(() => {
      if (!isLeftToApp) process.exit(EXIT_CODE)
      this.#ending = undefined
      this.#survived()
    }, 100)
  }
}

/** One for all copies of msgvan in a process: each would take the listener of another one for the app's. */
const KEY = Symbol.for('msgvan.signal-drain.1')
const shared: { [KEY]?: SignalDrain | undefined } = globalThis as object

export function drainOnSigterm(bus: Drained, beforeEnd: () => void): void {
  const drain = (shared[KEY] ??= new Drain())
  drain.add(bus, beforeEnd)
}

/** While SIGTERM drains this process: resolves if the process goes on after all. */
export function endingBySignal(): Promise<void> | undefined {
  return shared[KEY]?.ending
}
