import type { VirtualClock } from './virtual-clock.js'

/** What happened, line by line, for people; and how often each kind of it, for the summary. */
export class Trace {
  readonly lines: string[] = []
  readonly counts = new Map<string, number>()
  readonly #clock: VirtualClock
  readonly #isKept: boolean

  constructor(clock: VirtualClock, isKept: boolean) {
    this.#clock = clock
    this.#isKept = isKept
  }

  /** @param text made only if somebody reads it */
  say(who: string, text: () => string): void {
    if (!this.#isKept) return
    const at = this.#clock.now.toFixed(0).padStart(7)
    this.lines.push(`${at} ms  ${who.padEnd(10)} ${text()}`)
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }
}
