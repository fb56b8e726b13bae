import type { CapabilityValues } from '../bus/actors.js'
import { InvalidOptionError } from '../errors.js'

/** What a host offers to actors. Grows and shrinks while it runs. */
export class Capabilities {
  #values: CapabilityValues
  readonly #changed: () => void

  constructor(values: CapabilityValues, changed: () => void) {
    this.#values = { ...values }
    this.#changed = changed
  }

  get values(): CapabilityValues {
    return this.#values
  }

  /**
   * @param delta added to what there is; a value of null takes its key away
   * @throws InvalidOptionError
   */
  change(delta: unknown): void {
    if (typeof delta !== 'object' || delta === null || Array.isArray(delta))
      throw new InvalidOptionError('Capabilities are an object: { "writer": true }.')
    const all = Object.entries({ ...this.#values, ...delta })
    this.#values = Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined))
    this.#changed()
  }
}
