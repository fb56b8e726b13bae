import type { KeptState, StateKeeper } from '../../../broker/state/kept-state.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { VanRecords } from './van-records.js'

/** The states of one van in the store. */
export class StoredStates implements StateKeeper {
  readonly #records: VanRecords
  readonly #keys = new Map<string, string>()

  constructor(records: VanRecords) {
    this.#records = records
  }

  load(): KeptState[] {
    const states: KeptState[] = []
    this.#records.each('states', (key, value) => {
      this.#records.numberOf(key)
      const state = decodePayload(value) as KeptState
      this.#keys.set(state.topic, key)
      states.push(state)
    })
    return states
  }

  stateKept(state: KeptState): void {
    let key = this.#keys.get(state.topic)
    if (key === undefined) this.#keys.set(state.topic, (key = this.#records.newKey()))
    this.#records.put('states', key, encodePayload(state))
  }

  stateGone(topic: string): void {
    const key = this.#keys.get(topic)
    if (key === undefined) return
    this.#keys.delete(topic)
    this.#records.remove('states', key)
  }
}
