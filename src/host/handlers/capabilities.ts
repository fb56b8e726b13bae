import type { CapabilityValues } from '../../bus/contract/actors.js'
import { InvalidOptionError } from '../../errors.js'

/** The capabilities of a host. They change while it runs. */
export class Capabilities {
  #values: CapabilityValues
  /** All changes since its start. */
  #changes: Readonly<Record<string, unknown>> = {}
  readonly #changed: () => void
  #keep: ((changes: object) => Promise<void>) | undefined

  constructor(values: CapabilityValues, changed: () => void) {
    this.#values = offered(values)
    this.#changed = changed
  }

  /** Continues the changes of the previous host, and keeps every change from now on. */
  restore(changes: unknown, keep: (changes: object) => Promise<void>): void {
    this.#apply(changes)
    this.#keep = keep
  }

  get values(): CapabilityValues {
    return this.#values
  }

  /**
   * Resolves when the change is kept.
   *
   * @param delta adds to the capabilities; a value of null removes its key
   * @throws InvalidOptionError
   */
  async change(delta: unknown): Promise<void> {
    this.#apply(delta)
    this.#changed()
    await this.#keep?.(this.#changes)
  }

  #apply(delta: unknown): void {
    if (typeof delta !== 'object' || delta === null || Array.isArray(delta))
      throw new InvalidOptionError('Capabilities are an object: { "writer": true }.')
    this.#values = offered({ ...this.#values, ...delta })
    this.#changes = { ...this.#changes, ...delta }
  }
}

/** A value of null is absent. */
function offered(values: object): CapabilityValues {
  const all = Object.entries(values) as [string, unknown][]
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined))
}
