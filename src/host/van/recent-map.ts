export interface RecentMapOptions<K, V> {
  /** The most entries. */
  readonly max: number
  /** The most that all entries may weigh. Default: they weigh nothing. */
  readonly maxWeight?: number
  /** Called once for each `set`. */
  readonly weigh?: (value: V) => number
  /** The entry is gone because there was no room. */
  readonly evicted?: (key: K, value: V) => void
}

/**
 * The entries that were used last, bounded. It takes memory only for what it has: an LRUCache takes it all at once, and
 * there is one for each van.
 */
export class RecentMap<K, V> {
  readonly #options: RecentMapOptions<K, V>
  /** The one that was used last is at the end. */
  readonly #entries = new Map<K, { readonly value: V; readonly weight: number }>()
  #weight = 0
  #newest: K | undefined

  constructor(options: RecentMapOptions<K, V>) {
    this.#options = options
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || key === this.#newest) return entry?.value
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#newest = key
    return entry.value
  }

  /** Without using it. */
  peek(key: K): V | undefined {
    return this.#entries.get(key)?.value
  }

  set(key: K, value: V): void {
    const { max, maxWeight = Infinity, weigh } = this.#options
    const weight = weigh?.(value) ?? 0
    this.delete(key)
    this.#entries.set(key, { value, weight })
    this.#newest = key
    this.#weight += weight
    for (const [oldest, { value: gone }] of this.#entries) {
      if (this.#entries.size <= max && (this.#weight <= maxWeight || oldest === key)) return
      this.delete(oldest)
      this.#options.evicted?.(oldest, gone)
    }
  }

  delete(key: K): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#weight -= entry.weight
    this.#entries.delete(key)
    if (key === this.#newest) this.#newest = undefined
  }

  /** The one that was used longest ago comes first. */
  *[Symbol.iterator](): Generator<[K, V]> {
    for (const [key, { value }] of this.#entries) yield [key, value]
  }
}
