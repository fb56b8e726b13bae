import { FoldedTopic } from './folded-topic.js'
import { NGramTable } from './ngram-table.js'
import { type Literals, packLiterals } from './required-literals.js'
import type { Lengths } from './topic-lengths.js'

/**
 * Grams are runs of this many UTF-16 units. Longer ones are more selective; texts that are too short for them use
 * shorter ones.
 */
const LENGTHS = [6, 3, 2] as const
const BASE = 0x01000193
/** The factor of the unit that leaves a gram: BASE to the power of its length less one. */
const LEAVING = LENGTHS.map(length => powerOfBase(length - 1))

/** Patterns under one gram. Beyond so many, a topic that has the gram costs too much one by one. */
const CROWD = 64

const ANY_LENGTH = 0x7fffffff
const anyLength: Lengths = { min: 0, max: Infinity }

/** An entry of an index, with the index's own data on it. */
export class Indexed {
  /** Its required literals, packed. Without any, it is always a candidate, for topics of some lengths. */
  literals = ''
  /** Its first posting. Without literals: its place in the list of permanent candidates. */
  place = -1
  /** The last search that found it: a topic may lead to it by several ways. */
  seen = 0
}

/**
 * Finds, among very many patterns, the few whose required literals a topic might contain. Each pattern lies under the
 * rarest gram of the texts of its rarest set. A pattern without literals is a candidate for every topic of a length
 * that it can match.
 */
export class NGramIndex<E extends Indexed> {
  readonly #grams = new NGramTable<E>()
  readonly #always: E[] = []
  /** The topic lengths that each of these can match. */
  readonly #lengths: Lengths[] = []
  /** The number of grams for each of LENGTHS: a search skips a length without any. */
  readonly #inUse = [0, 0, 0]
  readonly #found: E[] = []
  readonly #text = new FoldedTopic()
  #keys = new Int32Array(16)
  #search = 0

  /**
   * @param lengths called when there are no literals
   */
  add(entry: E, literals: Literals, lengths: () => Lengths = () => anyLength): void {
    entry.literals = packLiterals(literals)
    if (literals.length === 0) {
      const { min, max } = lengths()
      entry.place = this.#always.push(entry) - 1
      this.#lengths.push({ min: Math.min(min, ANY_LENGTH), max: Math.min(max, ANY_LENGTH) })
      return
    }
    for (const key of this.#rarest(literals)) {
      if (this.#grams.first(key) < 0) this.#count(key, 1)
      entry.place = this.#grams.add(key, entry, entry.place)
    }
  }

  remove(entry: E): void {
    if (entry.literals === '') this.#removeAlways(entry.place)
    else {
      for (let posting = entry.place; posting >= 0;) {
        const next = this.#grams.sibling(posting)
        const key = this.#grams.key(posting)
        if (this.#grams.remove(posting)) this.#count(key, -1)
        posting = next
      }
    }
    entry.place = -1
  }

  #removeAlways(place: number): void {
    const last = this.#always.pop()
    const lengths = this.#lengths.pop()
    if (last === undefined || lengths === undefined || place === this.#always.length) return
    last.place = place
    this.#always[place] = last
    this.#lengths[place] = lengths
  }

  /** All patterns that might match, in no order. The next call uses the array again. */
  candidates(topic: string): readonly E[] {
    const found = this.#found
    found.length = 0
    for (let place = 0; place < this.#always.length; place += 1) {
      const entry = this.#always[place]
      if (entry !== undefined && this.#fits(place, topic.length)) found.push(entry)
    }
    if (this.#grams.isEmpty) return found
    this.#search += 1
    this.#text.read(topic)
    for (let kind = 0; kind < LENGTHS.length; kind += 1) {
      if (this.#inUse[kind] === 0) continue
      const count = this.#readKeys(kind)
      for (let at = 0; at < count; at += 1) this.#look(this.#grams.first(this.#keys[at] ?? 0), found)
    }
    return found
  }

  #look(first: number, found: E[]): void {
    const grams = this.#grams
    for (let posting = first; posting >= 0; posting = grams.after(posting)) {
      const entry = grams.owner(posting)
      if (entry === undefined || entry.seen === this.#search) continue
      entry.seen = this.#search
      // Cheaper than any matcher, which may have to be compiled first.
      if (this.#text.holds(entry.literals)) found.push(entry)
    }
  }

  /** Whether `candidates` would contain this one. */
  isCandidate(entry: E, topic: string): boolean {
    if (entry.literals === '') return this.#fits(entry.place, topic.length)
    this.#text.read(topic)
    return this.#text.holds(entry.literals)
  }

  #fits(place: number, length: number): boolean {
    const lengths = this.#lengths[place]
    return lengths !== undefined && length >= lengths.min && length <= lengths.max
  }

  #count(key: number, change: number): void {
    const kind = key & 3
    this.#inUse[kind] = (this.#inUse[kind] ?? 0) + change
  }

  /** Whether it would be a candidate as often as very many others are. */
  isCrowded(literals: Literals): boolean {
    if (literals.length === 0) return true
    for (const key of this.#rarest(literals)) if (this.#grams.count(key) >= CROWD) return true
    return false
  }

  /** The keys of the set that brings in the fewest candidates, by present counts. */
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
    this.#text.readText(text)
    const count = this.#readKeys(kind)
    let rarest = { key: -1, cost: Infinity }
    for (let at = 0; at < count; at += 1) {
      const key = this.#keys[at] ?? 0
      // Short grams are common in topics, however few patterns lie under them yet.
      const cost = this.#grams.count(key) + kind * kind
      // Of equals the last: topics go from the general to the special.
      if (cost <= rarest.cost) rarest = { key, cost }
    }
    return rarest
  }

  /**
   * Reads the keys of all grams of that length in the text at hand, by a rolling hash. Different grams may share a key:
   * then there is a candidate too many, never one too few.
   *
   * @returns the number of keys
   */
  #readKeys(kind: number): number {
    const { units, length } = this.#text
    const size = LENGTHS[kind] ?? 0
    const leaving = LEAVING[kind] ?? 0
    const count = Math.max(0, length - size + 1)
    if (count > this.#keys.length) this.#keys = new Int32Array(count * 2)
    const keys = this.#keys
    let hash = 0
    for (let at = 0; at < length; at += 1) {
      if (at >= size) hash = (hash - Math.imul(units[at - size] ?? 0, leaving)) | 0
      hash = (Math.imul(hash, BASE) + (units[at] ?? 0)) | 0
      if (at + 1 >= size) keys[at + 1 - size] = keyOf(hash, kind)
    }
    return count
  }
}

/** Small integers need no allocation. */
function keyOf(hash: number, kind: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 15), 0x5bd1e995)
  mixed ^= mixed >>> 13
  return (mixed & 0x0fffffff) * 4 + kind
}

function powerOfBase(exponent: number): number {
  let power = 1
  for (let i = 0; i < exponent; i += 1) power = Math.imul(power, BASE)
  return power
}
