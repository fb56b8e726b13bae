import { keyOf } from '../../../broker/routing/relay.js'
import { describe } from '../../../errors.js'
import { requestPattern } from '../../../message/pattern.js'
import type { HostQueue } from '../contract/host-queue.js'

type Pattern = RegExp | string

/** While the leader's patterns are unknown, everything that it might want is kept for it. */
const UNKNOWN = [/^/, /^\$(actor|reply)\//, requestPattern(/^/)]

/** The patterns that the leader wants of this host, if they are known: the relay takes them. */
export class InterestsOfLeader {
  readonly #relay: Pick<HostQueue, 'want' | 'wantNoMore'>
  readonly #warn: (text: string) => void
  /** Its last list. */
  readonly #latest = new Map<string, Pattern>()
  /**
   * Patterns that it will want when it has a named subscription that is on its way there: our own publishes come behind
   * that.
   */
  readonly #assumed = new Map<string, { readonly pattern: Pattern; count: number }>()
  /** Patterns of an earlier leader: its clients may be on their way here. */
  readonly #stale = new Map<string, Pattern>()
  #isKnown = false

  constructor(relay: Pick<HostQueue, 'want' | 'wantNoMore'>, warn: (text: string) => void) {
    this.#relay = relay
    this.#warn = warn
    for (const pattern of UNKNOWN) relay.want(pattern)
  }

  /** Known, and the clients of an earlier leader have come. */
  get isSettled(): boolean {
    return this.#isKnown && this.#stale.size === 0
  }

  /** All its known patterns: the clients of an earlier leader may be on their way here. */
  get wanted(): readonly Pattern[] {
    return this.#isKnown ? [...this.#latest.values(), ...this.#stale.values()] : []
  }

  /** All its patterns, at the beginning of a session. */
  anew(patterns: readonly Pattern[]): void {
    for (const [key, pattern] of this.#latest) this.#stale.set(key, pattern)
    this.#latest.clear()
    this.change(patterns, [])
    if (!this.#isKnown) for (const pattern of UNKNOWN) this.#relay.wantNoMore(pattern)
    this.#isKnown = true
    for (const pattern of patterns) this.#adjust(pattern)
  }

  change(add: readonly Pattern[], remove: readonly Pattern[]): void {
    for (const pattern of remove) this.#latest.delete(keyOf(pattern))
    for (const pattern of add) {
      this.#latest.set(keyOf(pattern), pattern)
      this.#stale.delete(keyOf(pattern))
    }
    for (const pattern of [...remove, ...add]) this.#adjust(pattern)
  }

  /**
   * @returns takes it back, once
   */
  assume(pattern: Pattern): () => void {
    const key = keyOf(pattern)
    const assumed = this.#assumed.get(key) ?? { pattern, count: 0 }
    assumed.count += 1
    this.#assumed.set(key, assumed)
    this.#adjust(pattern)
    return () => {
      assumed.count -= 1
      if (assumed.count === 0) this.#assumed.delete(key)
      this.#adjust(pattern)
    }
  }

  /** Clients that have not come by now do not want anything. */
  forgetStale(): void {
    const stale = [...this.#stale.values()]
    this.#stale.clear()
    for (const pattern of stale) this.#adjust(pattern)
  }

  #adjust(pattern: Pattern): void {
    const key = keyOf(pattern)
    if (!this.#latest.has(key) && !this.#assumed.has(key) && !this.#stale.has(key))
      return this.#relay.wantNoMore(pattern)
    try {
      this.#relay.want(pattern)
    } catch (error) {
      this.#warn(`this host cannot match a pattern of the leader: ${describe(error)}`)
    }
  }
}
