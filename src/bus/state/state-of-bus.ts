import type { Observable } from 'rxjs'
import { decodePayload } from '../../codec/payload.js'
import { checkPattern } from '../../message/pattern.js'
import type { SharedState, StateEntry } from '../contract/control.js'
import { changesOf } from './changes-of.js'
import type { StatesOfBus } from './states-of-bus.js'

/** One state, as a bus sees it. */
export class StateOfBus implements SharedState {
  readonly #states: StatesOfBus
  readonly changes$: Observable<unknown>

  constructor(
    readonly topic: string,
    states: StatesOfBus,
    guarded: (changes$: Observable<unknown>) => Observable<unknown>,
  ) {
    this.#states = states
    this.changes$ = guarded(changesOf(topic, states))
  }

  async get(): Promise<unknown> {
    return valueOf(await this.#states.get(this.topic))
  }

  async set(value: unknown): Promise<void> {
    await this.#states.inTurn(this.topic, () => this.#states.change(this.topic, value))
  }

  async delete(): Promise<boolean> {
    const change = () => this.#states.change(this.topic, undefined)
    const { wasThere } = await this.#states.inTurn(this.topic, change)
    return wasThere
  }

  update(change: (value: unknown) => unknown): Promise<unknown> {
    return this.#states.inTurn(this.topic, async () => {
      let entry = await this.#states.get(this.topic)
      for (;;) {
        const value = await change(valueOf(entry))
        const outcome = await this.#states.change(this.topic, value, entry.version)
        if (outcome.isDone) return value
        entry = outcome.entry
      }
    })
  }

  async keys(pattern: RegExp | string): Promise<string[]> {
    checkPattern(pattern)
    return this.#states.keys(pattern)
  }
}

export function valueOf({ value }: StateEntry): unknown {
  return value === undefined ? undefined : decodePayload(value)
}
