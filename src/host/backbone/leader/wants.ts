import { keyOf, type Relay } from '../../../broker/routing/relay.js'
import { describe } from '../../../errors.js'

type Pattern = RegExp | string

/** While it is not known what the leader wants, all that it might want is kept for it. */
const UNKNOWN = [/^/, /^\$(actor|reply)\//]

/** What the leader wants of this host, as far as that is known: the relay takes it. */
export class Wants {
  readonly #relay: Relay
  readonly #warn: (text: string) => void
  /** As it said last. */
  readonly #said = new Map<string, Pattern>()
  /** What it will want once it has a named subscription that is on its way there: our own publishes come behind that. */
  readonly #assumed = new Map<string, { readonly pattern: Pattern; count: number }>()
  /** What a leader before this one wanted: those who wanted it there may be on their way here. */
  readonly #stale = new Map<string, Pattern>()
  #isKnown = false

  constructor(relay: Relay, warn: (text: string) => void) {
    this.#relay = relay
    this.#warn = warn
    for (const pattern of UNKNOWN) relay.want(pattern)
  }

  /** Known, and whoever wanted something of a leader before has been heard of again. */
  get isSettled(): boolean {
    return this.#isKnown && this.#stale.size === 0
  }

  /** All that it wanted, as far as that is known: those who wanted it there may be on their way here. */
  get wanted(): readonly Pattern[] {
    return this.#isKnown ? [...this.#said.values(), ...this.#stale.values()] : []
  }

  /** All that it wants, at the beginning of a session. */
  anew(patterns: readonly Pattern[]): void {
    for (const [key, pattern] of this.#said) this.#stale.set(key, pattern)
    this.#said.clear()
    this.change(patterns, [])
    if (!this.#isKnown) for (const pattern of UNKNOWN) this.#relay.wantNoMore(pattern)
    this.#isKnown = true
    for (const pattern of patterns) this.#adjust(pattern)
  }

  change(add: readonly Pattern[], remove: readonly Pattern[]): void {
    for (const pattern of remove) this.#said.delete(keyOf(pattern))
    for (const pattern of add) {
      this.#said.set(keyOf(pattern), pattern)
      this.#stale.delete(keyOf(pattern))
    }
    for (const pattern of [...remove, ...add]) this.#adjust(pattern)
  }

  /** @returns takes it back, once */
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

  /** Whoever has not come by now does not want anything. */
  forgetStale(): void {
    const stale = [...this.#stale.values()]
    this.#stale.clear()
    for (const pattern of stale) this.#adjust(pattern)
  }

  #adjust(pattern: Pattern): void {
    const key = keyOf(pattern)
    if (!this.#said.has(key) && !this.#assumed.has(key) && !this.#stale.has(key))
      return this.#relay.wantNoMore(pattern)
    try {
      this.#relay.want(pattern)
    } catch (error) {
      this.#warn(`the leader is not sent what it wants: ${describe(error)}`)
    }
  }
}
