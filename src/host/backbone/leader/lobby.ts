import type { Envelope } from '../../../message/envelope.js'
import { deferred } from '../deferred.js'

/** Milliseconds that a lost host with stored actors has to come back. */
const COMING_MS = 10_000
/** Milliseconds that it has to report its actors once it is back. */
const SAYING_MS = 3_000
/** The most waiting mail: beyond that, mail counts as undeliverable. */
const MAX_WAITING = 100_000
const MAX_BYTES = 64 * 1024 * 1024

interface Expected {
  readonly over: Promise<void>
  readonly end: () => void
}

/**
 * Keeps mail for actors of a host that is gone and has a store: it has them again when it is back. The senders wait,
 * too: nothing is promised meanwhile.
 */
export class Lobby {
  /** By the topic of their mailbox. */
  readonly #expected = new Map<string, Expected>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #waiting = 0
  #bytes = 0

  /**
   * A host with these mailboxes is gone.
   *
   * @param isBack another one is in its place
   */
  expect(topics: readonly string[], isBack: boolean): void {
    if (topics.length === 0) return
    for (const topic of topics) {
      this.arrived(topic)
      this.#expected.set(topic, deferred())
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        for (const topic of topics) this.arrived(topic)
      },
      isBack ? SAYING_MS : COMING_MS,
    )
    this.#timers.add(timer.unref())
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
    for (const timer of this.#timers) clearTimeout(timer)
    for (const topic of [...this.#expected.keys()]) this.arrived(topic)
  }
}
