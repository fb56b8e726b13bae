import type { CapabilityValues } from '../../bus/contract/actors.js'
import { InvalidOptionError } from '../../errors.js'

/** What a host offers to actors. Grows and shrinks while it runs. */
export class Capabilities {
  #values: CapabilityValues
  /** What was changed since it was started with what it was told. */
  #changes: Readonly<Record<string, unknown>> = {}
  readonly #changed: () => void
  #keep: ((changes: object) => Promise<void>) | undefined

  constructor(values: CapabilityValues, changed: () => void) {
    this.#values = offered(values)
    this.#changed = changed
  }

  /** Goes on where a host before this one was, and has every change kept from now on. */
  restore(changes: unknown, keep: (changes: object) => Promise<void>): void {
    this.#apply(changes)
    this.#keep = keep
  }

  get values(): CapabilityValues {
    return this.#values
  }

  /**
   * Resolves when it is kept, where it is.
   *
   * @param delta added to what there is; a value of null takes its key away
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

/** A value of null is none. */
function offered(values: object): CapabilityValues {
  const all = Object.entries(values) as [string, unknown][]
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined))
}
