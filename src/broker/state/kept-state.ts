import type { StateEntry } from '../../bus/contract/control.js'

/** What became of a change. */
export interface Made {
  readonly number: number
  readonly wasThere: boolean
}

/** A state with the last changes of its makers. */
export interface KeptState extends StateEntry {
  readonly topic: string
  readonly made: readonly (readonly [by: string, made: Made])[]
}

/** A store's side of states. */
export interface StateKeeper {
  stateKept(state: KeptState): void
  stateGone(topic: string): void
}
