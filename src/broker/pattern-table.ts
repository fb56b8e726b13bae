import { type Matcher, checkPattern, patternKey, reachesSystemTopics } from '../message/pattern.js'
import { isSystemTopic } from '../message/topic.js'
import { GramIndex, Indexed } from './gram-index.js'
import { requiredLiterals } from './required-literals.js'
import { topicLengths } from './topic-lengths.js'
import { TopicCache } from './topic-cache.js'

/** Changes by which a cached topic may lag and still be brought up to date, rather than looked up anew. */
const CHANGES_KEPT = 32
/** Each takes about 200 bytes. */
const CACHED_TOPICS = 65_536
const nothing: readonly never[] = Object.freeze([])

/** One `add`. `order` only grows: it is the order of addition. */
interface Addition<V> {
  readonly order: number
  readonly value: V
}

/** One RegExp, however often it was added. */
class Entry<V> extends Indexed {
  /** Replaced when the first comes, so that it has room for just that one. */
  additions: Addition<V>[] = []
  readonly matcher: Matcher
  readonly system: boolean

  constructor(pattern: RegExp, matcher: Matcher) {
    super()
    this.matcher = matcher
    this.system = reachesSystemTopics(pattern)
  }

  matches(topic: string): boolean {
    return (this.system || !isSystemTopic(topic)) && this.matcher.test(topic)
  }
}

interface Change<V> {
  readonly entry: Entry<V>
  readonly value: V
  readonly added: boolean
}

/** What a topic leads to. */
export interface Route<V> {
  /** In the order of addition, each once. The array is never changed afterwards, nor may the caller. */
  readonly values: readonly V[]
  /** The value, where there is one and no other. */
  readonly only: V | undefined
}

class Cached<V> implements Route<V> {
  only: V | undefined

  constructor(
    public version: number,
    public values: readonly V[],
  ) {
    this.only = values.length === 1 ? values[0] : undefined
  }

  renew(values: readonly V[]): void {
    this.values = values
    this.only = values.length === 1 ? values[0] : undefined
  }
}

/**
 * Which values belong to a topic: those that were added under the topic itself, or under a RegExp that matches it.
 * Made for very many patterns and for topics that come again: a known topic costs one Map lookup.
 */
export class PatternTable<V> {
  readonly #compile: (pattern: RegExp) => Matcher
  readonly #exact = new Map<string, Addition<V>[]>()
  readonly #entries = new Map<string, Entry<V>>()
  readonly #index = new GramIndex<Entry<V>>()
  readonly #cache: TopicCache<Cached<V>>
  /** The last CHANGES_KEPT changes of RegExps, the one that led to version n at n modulo CHANGES_KEPT. */
  readonly #changes: Change<V>[] = []
  #version = 0
  #order = 0
  #size = 0

  /** `compile` makes a pattern's matcher, once for equal patterns, and refuses what cannot be matched by throwing. */
  constructor(compile: (pattern: RegExp) => Matcher, options: { cachedTopics?: number } = {}) {
    this.#compile = compile
    this.#cache = new TopicCache(options.cachedTopics ?? CACHED_TOPICS)
  }

  /** How many values there are: additions less removals. */
  get size(): number {
    return this.#size
  }

  /** How many topics are remembered at present. */
  get cachedTopics(): number {
    return this.#cache.size
  }

  /**
   * Puts the value under the pattern; the function returned takes it out again, once.
   * @throws InvalidPatternError
   */
  add(pattern: RegExp | string, value: V): () => void {
    checkPattern(pattern)
    const remove =
      typeof pattern === 'string' ? this.#addExact(pattern, value) : this.#addRegExp(pattern, value)
    this.#size++
    let there = true
    return () => {
      if (!there) return
      there = false
      remove()
      if (--this.#size === 0) this.#forget()
    }
  }

  match(topic: string): readonly V[] {
    return this.route(topic).values
  }

  /** Good for now: it may change with the next addition or removal. */
  route(topic: string): Route<V> {
    const cached = this.#cache.get(topic)
    return cached?.version === this.#version ? cached : this.#find(topic, cached)
  }

  #find(topic: string, cached: Cached<V> | undefined): Cached<V> {
    if (cached !== undefined && this.#catchUp(topic, cached)) return cached
    const values = this.#lookUp(topic)
    if (cached === undefined) {
      const fresh = new Cached(this.#version, values)
      this.#cache.set(topic, fresh)
      return fresh
    }
    cached.version = this.#version
    this.#renew(topic, cached, values)
    return cached
  }

  #addExact(topic: string, value: V): () => void {
    const addition = { order: this.#order++, value }
    const additions = this.#exact.get(topic)
    if (additions === undefined) this.#exact.set(topic, [addition])
    else additions.push(addition)
    this.#cache.delete(topic)
    return () => {
      const left = this.#exact.get(topic)
      if (left === undefined) return
      takeOut(left, addition)
      if (left.length === 0) this.#exact.delete(topic)
      this.#cache.delete(topic)
    }
  }

  #addRegExp(pattern: RegExp, value: V): () => void {
    const key = patternKey(pattern)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = new Entry<V>(pattern, this.#compile(pattern))
      this.#entries.set(key, entry)
      this.#index.add(entry, requiredLiterals(pattern), () => topicLengths(pattern))
    }
    const addition = { order: this.#order++, value }
    if (entry.additions.length === 0) entry.additions = [addition]
    else entry.additions.push(addition)
    this.#note({ entry, value, added: true })
    return () => {
      takeOut(entry.additions, addition)
      this.#note({ entry, value, added: false })
      if (entry.additions.length > 0) return
      this.#entries.delete(key)
      this.#index.remove(entry)
    }
  }

  #note(change: Change<V>): void {
    this.#changes[++this.#version % CHANGES_KEPT] = change
  }

  /** Nothing is left: hold on to no value, and to no topic. */
  #forget(): void {
    this.#changes.length = 0
    this.#cache.clear()
  }

  /** Goes through what changed since. False if that takes a look-up. */
  #catchUp(topic: string, cached: Cached<V>): boolean {
    if (this.#version - cached.version > CHANGES_KEPT) return false
    let values = cached.values
    for (let version = cached.version + 1; version <= this.#version; version++) {
      const change = this.#changes[version % CHANGES_KEPT]
      if (change === undefined) return false
      // A value that is not there was not taken away; one that is may be there by another pattern, too.
      if (!change.added && values.includes(change.value)) return false
      // Not a candidate: known without its matcher, which may not even be compiled yet.
      if (!change.added || values.includes(change.value)) continue
      if (this.#index.isCandidate(change.entry, topic) && change.entry.matches(topic))
        values = [...values, change.value]
    }
    cached.version = this.#version
    if (values !== cached.values) this.#renew(topic, cached, values)
    return true
  }

  #renew(topic: string, cached: Cached<V>, values: readonly V[]): void {
    cached.renew(values)
    this.#cache.set(topic, cached)
  }

  #lookUp(topic: string): readonly V[] {
    const found: Addition<V>[] = []
    const exact = this.#exact.get(topic)
    if (exact !== undefined) {
      for (const addition of exact) found.push(addition)
    }
    for (const entry of this.#index.candidates(topic)) {
      if (!entry.matches(topic)) continue
      for (const addition of entry.additions) found.push(addition)
    }
    if (found.length === 0) return nothing
    found.sort((a, b) => a.order - b.order)
    return [...new Set(found.map(addition => addition.value))]
  }
}

/** The list is in the order of addition: found by halving. */
function takeOut<V>(additions: Addition<V>[], addition: Addition<V>): void {
  let low = 0
  let high = additions.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((additions[middle]?.order ?? 0) < addition.order) low = middle + 1
    else high = middle
  }
  if (additions[low] === addition) additions.splice(low, 1)
}
