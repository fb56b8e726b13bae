import type { Lengths } from './topic-lengths.js'
import { type Literals, foldTopic, holds } from './required-literals.js'

/** Grams are runs of that many UTF-16 units. Longer ones tell more; texts too short for them take shorter ones. */
const LENGTHS = [6, 3, 2] as const

/** Never written to. */
const none: number[] = []
const anyLength: Lengths = { min: 0, max: Infinity }

/** What an index holds, with the index's own notes on it. */
export class Indexed {
  /** The buckets it lies in, none if it is always a candidate, and its place in each. */
  keys: readonly number[] = none
  places: number[] = none
  literals: Literals = []
  /** Of topics that could match, where there are no literals to tell. */
  lengths: Lengths = anyLength
  /** The last search that came across it: a topic may lead to it by several ways. */
  seen = 0
}

/**
 * Finds, among very many patterns, the few whose required literals a topic might contain. Each lies under the rarest gram
 * of the texts of its rarest set; those that require nothing are candidates for every topic of a length that they can match.
 */
export class GramIndex<E extends Indexed> {
  readonly #buckets = new Map<number, E[]>()
  readonly #always: E[] = []
  /** How many buckets there are for each of LENGTHS: nobody looks for grams of a length without any. */
  readonly #inUse = [0, 0, 0]
  readonly #found: E[] = []
  #units = new Uint16Array(1026)
  #search = 0

  /** @param lengths asked for when there are no literals to go by */
  add(entry: E, literals: Literals, lengths: () => Lengths = () => anyLength): void {
    entry.literals = literals
    if (literals.length === 0) entry.lengths = lengths()
    // Arrays of just the size, here and below: what `push` begins has room for sixteen more, and there are very many.
    entry.keys = [...this.#rarest(literals)]
    entry.places = entry.keys.map(key => this.#put(key, entry))
    if (entry.keys.length === 0) entry.places = [this.#always.push(entry) - 1]
  }

  /** @returns its place in the bucket */
  #put(key: number, entry: E): number {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) return bucket.push(entry) - 1
    this.#buckets.set(key, [entry])
    this.#count(key, 1)
    return 0
  }

  remove(entry: E): void {
    if (entry.keys.length === 0) {
      const moved = takeOut(this.#always, entry, entry.places[0])
      if (moved !== undefined) moved.places[0] = entry.places[0] ?? 0
    }
    entry.keys.forEach((key, i) => {
      const bucket = this.#buckets.get(key)
      if (bucket === undefined) return
      const moved = takeOut(bucket, entry, entry.places[i])
      if (moved !== undefined) moved.places[moved.keys.indexOf(key)] = entry.places[i] ?? 0
      if (bucket.length > 0) return
      this.#buckets.delete(key)
      this.#count(key, -1)
    })
    entry.keys = entry.places = none
  }

  /** All that could match, in no order. The array is used again by the next call. */
  candidates(topic: string): readonly E[] {
    const found = this.#found
    found.length = 0
    for (const entry of this.#always) if (fits(topic, entry.lengths)) found.push(entry)
    if (this.#buckets.size === 0) return found
    const search = ++this.#search
    const text = foldTopic(topic)
    const length = this.#read(text)
    for (let kind = 0; kind < LENGTHS.length; kind++) {
      if (this.#inUse[kind] === 0) continue
      const last = length - (LENGTHS[kind] ?? 0)
      for (let at = 0; at <= last; at++) {
        const bucket = this.#buckets.get(keyOf(this.#units, at, kind))
        if (bucket === undefined) continue
        for (const entry of bucket) {
          if (entry.seen === search) continue
          entry.seen = search
          // Cheaper than any matcher, which may have to be compiled first.
          if (holds(text, entry.literals)) found.push(entry)
        }
      }
    }
    return found
  }

  /** Whether `candidates` would name this one. */
  isCandidate(entry: E, topic: string): boolean {
    return entry.literals.length === 0 ? fits(topic, entry.lengths) : holds(foldTopic(topic), entry.literals)
  }

  #count(key: number, change: number): void {
    const kind = key & 3
    this.#inUse[kind] = (this.#inUse[kind] ?? 0) + change
  }

  #read(text: string): number {
    const { length } = text
    if (length > this.#units.length) this.#units = new Uint16Array(length)
    for (let i = 0; i < length; i++) this.#units[i] = text.charCodeAt(i)
    return length
  }

  /** The keys of that set which will bring in the fewest candidates, as far as one knows today. */
  #rarest(literals: Literals): ReadonlySet<number> {
    let best: ReadonlySet<number> = new Set()
    let lowest = Infinity
    for (const texts of literals) {
      const keys = new Set<number>()
      let cost = 0
      for (const text of texts) {
        const rarest = this.#rarestIn(text)
        keys.add(rarest.key)
        cost += rarest.cost
      }
      if (cost >= lowest) continue
      best = keys
      lowest = cost
    }
    return best
  }

  #rarestIn(text: string): { key: number; cost: number } {
    const kind = LENGTHS.findIndex(length => length <= text.length)
    const last = this.#read(text) - (LENGTHS[kind] ?? 0)
    let rarest = { key: -1, cost: Infinity }
    for (let at = 0; at <= last; at++) {
      const key = keyOf(this.#units, at, kind)
      // Short grams are common in topics, however few patterns lie under them yet.
      const cost = (this.#buckets.get(key)?.length ?? 0) + kind * kind
      if (cost < rarest.cost) rarest = { key, cost }
    }
    return rarest
  }
}

function fits({ length }: string, { min, max }: Lengths): boolean {
  return length >= min && length <= max
}

/** Different grams may share a key: that makes a candidate too many, never one too few. Small integers need no allocation. */
function keyOf(units: Uint16Array, at: number, kind: number): number {
  const end = at + (LENGTHS[kind] ?? 0)
  let hash = kind
  for (let i = at; i < end; i++) hash = Math.imul(hash ^ (units[i] ?? 0), 0x5bd1e995) ^ (hash >>> 15)
  return ((hash ^ (hash >>> 13)) & 0x0fffffff) * 4 + kind
}

/** Returns who was moved into the gap, if anybody was. */
function takeOut<E>(list: E[], entry: E, place = -1): E | undefined {
  const last = list.pop()
  if (last === undefined || last === entry) return undefined
  list[place] = last
  return last
}
