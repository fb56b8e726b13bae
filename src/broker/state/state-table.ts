import type { StateChange, StateEntry, StateOutcome } from '../../bus/contract/control.js'
import type { KeptState, Made } from './kept-state.js'
import { LimitError } from '../../errors.js'

/** The most states of a van, and bytes of their topics and values. */
export interface StateLimits {
  readonly keys: number
  readonly bytes: number
}

const LIMITS: StateLimits = { keys: 100_000, bytes: 64 * 1024 * 1024 }
/** Buses whose last change of a state is remembered, to know one that comes again. */
const MOST_MAKERS = 64
/** Deleted states that are remembered for the same. */
const MOST_DELETED = 1_000

interface State {
  readonly topic: string
  version: number
  value: Uint8Array | undefined
  /** In the order of the changes. */
  readonly made: Map<string, Made>
}

export interface StateTableOptions {
  readonly limits?: StateLimits
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** A state is another one from now on. */
  readonly changed: (state: KeptState) => void
  /** A deleted state is forgotten. */
  readonly forgotten?: (topic: string) => void
}

/** The states of one van: each change has a version of its own, and happens once. */
export class StateTable {
  readonly #options: StateTableOptions
  readonly #limits: StateLimits
  readonly #states = new Map<string, State>()
  readonly #deleted = new Set<string>()
  #bytes = 0
  #lastVersion = 0

  constructor(options: StateTableOptions) {
    this.#options = options
    this.#limits = options.limits ?? LIMITS
  }

  /** The number of states with a value. */
  get size(): number {
    return this.#states.size - this.#deleted.size
  }

  get(topic: string): StateEntry {
    return entryOf(this.#states.get(topic))
  }

  /** Those with a value, in order. */
  keys(isWanted: (topic: string) => boolean): string[] {
    const there = [...this.#states.values()].filter(
      ({ value, topic }) => value !== undefined && isWanted(topic),
    )
    return there.map(({ topic }) => topic).sort()
  }

  /** @throws LimitError */
  change({ topic, value, expected, by, number }: StateChange): StateOutcome {
    const before = this.#states.get(topic)
    const wasThere = before?.value !== undefined
    const made = before?.made.get(by)
    // It comes again.
    if (made !== undefined && made.number >= number)
      return { isDone: true, wasThere: made.wasThere, entry: entryOf(before) }
    if (expected !== undefined && expected !== entryOf(before).version)
      return { isDone: false, wasThere, entry: entryOf(before) }
    if (value === undefined && !wasThere) return { isDone: true, wasThere, entry: entryOf(before) }
    this.#checkRoom(before, topic, value)
    const state = before ?? { topic, version: 0, value: undefined, made: new Map<string, Made>() }
    this.#count(state, -1)
    state.version = this.#nextVersion()
    state.value = value
    remember(state.made, by, { number, wasThere })
    this.#enter(state)
    this.#options.changed(keptOf(state))
    this.#forgetDeleted()
    return { isDone: true, wasThere, entry: entryOf(state) }
  }

  /** A state of the host before this one. */
  restore({ topic, version, value, made }: KeptState): void {
    this.#lastVersion = Math.max(this.#lastVersion, version)
    this.#enter({ topic, version, value, made: new Map(made) })
  }

  *all(): Generator<KeptState> {
    for (const state of this.#states.values()) yield keptOf(state)
  }

  /** By the clock, so that those of another host's memory are not used again. */
  #nextVersion(): number {
    const now = (this.#options.now ?? Date.now)() * 1_000
    return (this.#lastVersion = Math.max(this.#lastVersion + 1, now))
  }

  #enter(state: State): void {
    this.#states.set(state.topic, state)
    this.#count(state, 1)
    if (state.value === undefined) this.#deleted.add(state.topic)
    else this.#deleted.delete(state.topic)
  }

  #count(state: State, by: 1 | -1): void {
    if (state.value !== undefined) this.#bytes += by * sizeOf(state.topic, state.value)
  }

  #checkRoom(before: State | undefined, topic: string, value: Uint8Array | undefined): void {
    if (value === undefined) return
    const { keys, bytes } = this.#limits
    const freed = before?.value === undefined ? 0 : sizeOf(topic, before.value)
    if (freed === 0 && this.size >= keys)
      throw new LimitError(`The van has ${this.size} states, which is the most. Delete some.`)
    if (this.#bytes - freed + sizeOf(topic, value) > bytes)
      throw new LimitError(
        `The states of the van take at most ${bytes} bytes. Delete some, or keep less in them.`,
      )
  }

  #forgetDeleted(): void {
    for (const topic of this.#deleted) {
      if (this.#deleted.size <= MOST_DELETED) return
      this.#deleted.delete(topic)
      this.#states.delete(topic)
      this.#options.forgotten?.(topic)
    }
  }
}

function remember(made: Map<string, Made>, by: string, change: Made): void {
  made.delete(by)
  made.set(by, change)
  const [oldest] = made.keys()
  if (made.size > MOST_MAKERS && oldest !== undefined) made.delete(oldest)
}

function entryOf(state: State | undefined): StateEntry {
  if (state === undefined) return { version: 0 }
  const { version, value } = state
  return value === undefined ? { version } : { version, value }
}

function keptOf({ topic, version, value, made }: State): KeptState {
  return { topic, version, ...(value === undefined ? {} : { value }), made: [...made] }
}

function sizeOf(topic: string, value: Uint8Array): number {
  return topic.length + value.length
}
