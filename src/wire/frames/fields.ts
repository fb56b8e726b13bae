/** Reads an object from outside field by field. `fail` refuses a missing field, or one of another type. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>
  readonly #fail: (what: string) => Error

  constructor(value: unknown, fail: (what: string) => Error) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw fail('is not an object')
    this.#object = value as Record<string, unknown>
    this.#fail = fail
  }

  get(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? this.#object[key] : undefined
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  text(key: string, longest = 1_024): string {
    const value = this.get(key)
    if (typeof value !== 'string' || value.length > longest)
      throw this.#fail(`has no text of at most ${longest} characters as ${key}`)
    return value
  }

  number(key: string, least: number, most: number): number {
    const value = this.get(key)
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw this.#fail(`has no number from ${least} to ${most} as ${key}`)
    return value
  }

  /** A list that is not empty. */
  numbers(key: string, least: number, most: number, longest: number): number[] {
    const values = this.get(key)
    const areNumbers = (list: readonly unknown[]): list is number[] =>
      list.every(value => typeof value === 'number' && value >= least && value <= most)
    if (!Array.isArray(values) || values.length === 0 || values.length > longest || !areNumbers(values))
      throw this.#fail(`has no list of 1 to ${longest} numbers from ${least} to ${most} as ${key}`)
    return values
  }

  /** Of anything. */
  list(key: string, longest = 1_000_000): unknown[] {
    const value = this.get(key)
    if (!Array.isArray(value) || value.length > longest) throw this.#fail(`has no list as ${key}`)
    return value
  }

  whole(key: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.number(key, least, most)
    if (!Number.isSafeInteger(value)) throw this.#fail(`has no whole number as ${key}`)
    return value
  }

  flag(key: string): boolean {
    const value = this.get(key)
    if (typeof value !== 'boolean') throw this.#fail(`has neither true nor false as ${key}`)
    return value
  }

  oneOf<T extends string>(key: string, allowed: readonly T[]): T {
    const value = this.get(key)
    const found = allowed.find(each => each === value)
    if (found === undefined) throw this.#fail(`has none of ${allowed.join(', ')} as ${key}`)
    return found
  }

  bytes(key: string): Uint8Array {
    const value = this.get(key)
    if (!(value instanceof Uint8Array)) throw this.#fail(`has no bytes as ${key}`)
    return value
  }

  optional<T>(key: string, read: (key: string) => T): T | undefined {
    return this.has(key) ? read(key) : undefined
  }

  fields(key: string): Fields {
    return new Fields(this.get(key), this.#fail)
  }
}
