import type { Envelope } from '../../../message/envelope.js'
import { deferred } from '../deferred.js'

/** Milliseconds that a lost host with stored actors has to come back. */
const RETURN_MS = 10_000
/** Milliseconds that it has to report its actors once it is back. */
const REPORT_MS = 3_000
/** The most waiting mail: beyond that, mail counts as undeliverable. */
const MAX_WAITING = 100_000
const MAX_BYTES = 64 * 1024 * 1024

interface Expected {
  readonly over: Promise<void>
  readonly end: () => void
}

type After = (ms: number, run: () => void) => () => void

const inTime: After = (ms, run) => {
  const timer = setTimeout(run, ms).unref()
  return () => clearTimeout(timer)
}

/**
 * Keeps mail for actors of a host that is gone and has a store: it has them again when it is back. The senders wait,
 * too: nothing is promised meanwhile.
 */
export class Lobby {
  /** By the topic of their mailbox. */
  readonly #expected = new Map<string, Expected>()
  readonly #timers = new Set<() => void>()
  readonly #after: After
  #waiting = 0
  #bytes = 0

  /** @param after runs something after so many milliseconds, unless the returned function is called before */
  constructor(after: After = inTime) {
    this.#after = after
  }

  /**
   * A host with these mailboxes is gone.
   *
   * @param isBack another one is in its place
   */
  expect(topics: readonly string[], isBack: boolean): void {
    if (topics.length === 0) return
    const expected = topics.map(topic => {
      this.arrived(topic)
      const each = deferred()
      this.#expected.set(topic, each)
      return { topic, each }
    })
    const stop = this.#after(isBack ? REPORT_MS : RETURN_MS, () => {
      this.#timers.delete(stop)
      // Not one that came back and is gone again: its time has begun anew.
      for (const { topic, each } of expected) if (this.#expected.get(topic) === each) this.arrived(topic)
    })
    this.#timers.add(stop)
  }

  /** A host has that mailbox, or none is expected any more. */
  arrived(topic: RegExp | string): void {
    if (typeof topic !== 'string') return
    this.#expected.get(topic)?.end()
    this.#expected.delete(topic)
  }

  /** Resolves when it is known whether a host has that mailbox; undefined when it is known already. */
  wait({ topic, size }: Envelope): Promise<void> | undefined {
    const expected = this.#expected.get(topic)
    if (expected === undefined || this.#waiting >= MAX_WAITING || this.#bytes + size > MAX_BYTES)
      return undefined
    this.#waiting += 1
    this.#bytes += size
    return expected.over.then(() => {
      this.#waiting -= 1
      this.#bytes -= size
    })
  }

  close(): void {
    for (const stop of this.#timers) stop()
    for (const topic of [...this.#expected.keys()]) this.arrived(topic)
  }
}
