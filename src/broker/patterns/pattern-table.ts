import {
  type Matcher,
  checkPattern,
  patternKey,
  reachesSystemTopics,
  respondersPattern,
} from '../../message/pattern.js'
import { isRequest, isSystemTopic, REQUESTS } from '../../message/topic.js'
import { LimitError } from '../../errors.js'
import { append, takeOut, type Addition, type Additions } from './additions.js'
import { CombinedPatterns, type Group } from './linear/combined-patterns.js'
import { LinearMatcher } from './linear/linear-matcher.js'
import { NGramIndex, Indexed } from './ngram-index.js'
import { requiredLiterals } from './required-literals.js'
import { topicLengths } from './topic-lengths.js'
import { TopicCache } from './topic-cache.js'

/** A cached topic may lag behind by this many changes and still catch up, without a new look-up. */
const CHANGES_KEPT = 32
/** Each takes about 200 bytes. */
const CACHED_TOPICS = 65_536
/** Instructions of all patterns that are matched together. Each may cost some time for each character of a new topic. */
const MAX_COMBINED = 1_000_000
const nothing: readonly never[] = Object.freeze([])
const nowhere: Route<never> = { values: nothing, only: undefined }

/** One RegExp, however often it was added. */
class Entry<V> extends Indexed implements Additions<V> {
  more: Addition<V>[] | undefined
  /** It is matched together with others, and not in the index. */
  group: Group<Entry<V>> | undefined

  constructor(
    readonly matcher: Matcher,
    readonly isOfSystem: boolean,
    public order: number,
    public value: V,
  ) {
    super()
  }

  matches(topic: string): boolean {
    return (this.isOfSystem || !isSystemTopic(topic)) && this.matcher.test(topic)
  }
}

interface Change<V> {
  readonly entry: Entry<V>
  readonly value: V
  readonly added: boolean
}

/** The values of a topic. */
export interface Route<V> {
  /** In the order of addition, each once. The array never changes afterwards, and the caller must not change it. */
  readonly values: readonly V[]
  /** The value, if it is the only one. */
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
 * The values that belong to a topic: those added under the topic itself, or under a RegExp that matches it. Made for
 * very many patterns and for repeated topics: a known topic costs one Map lookup.
 */
export class PatternTable<V> {
  readonly #compile: (pattern: RegExp) => Matcher
  readonly #admits: ((value: V, topic: string) => boolean) | undefined
  readonly #exact = new Map<string, Additions<V>>()
  readonly #entries = new Map<string, Entry<V>>()
  readonly #index = new NGramIndex<Entry<V>>()
  readonly #combined = new CombinedPatterns<Entry<V>>()
  readonly #matching: Entry<V>[] = []
  readonly #cache: TopicCache<Cached<V>>
  /** The last CHANGES_KEPT changes of RegExps, the one that led to version n at n modulo CHANGES_KEPT. */
  readonly #changes: Change<V>[] = []
  /** The last checked pattern, which is usually added next. */
  #checked: { readonly key: string; readonly matcher: Matcher } | undefined
  /** Patterns of responders, by which the topics of requests are looked up. */
  #responders: PatternTable<V> | undefined
  #version = 0
  #order = 0
  #size = 0

  /**
   * @param compile makes a pattern's matcher, once for equal patterns, and refuses what cannot be matched by throwing
   * @param options.admits whether a value whose pattern matches belongs to the topic. Default: it does
   */
  constructor(
    compile: (pattern: RegExp) => Matcher,
    options: {
      cachedTopics?: number
      admits?: ((value: V, topic: string) => boolean) | undefined
    } = {},
  ) {
    this.#compile = compile
    this.#admits = options.admits
    this.#cache = new TopicCache(options.cachedTopics ?? CACHED_TOPICS)
  }

  /** The number of values: additions less removals. */
  get size(): number {
    return this.#size + (this.#responders?.size ?? 0)
  }

  /** The number of topics in the cache. */
  get cachedTopics(): number {
    return this.#cache.size
  }

  /**
   * Puts the value under the pattern.
   *
   * @returns by what `remove` knows this addition
   * @throws InvalidPatternError, LimitError
   */
  add(pattern: RegExp | string, value: V): number {
    checkPattern(pattern)
    const own = respondersPattern(pattern)
    if (own !== undefined) return this.#ofResponders().add(own, value)
    if (typeof pattern === 'string') this.#addExact(pattern, value)
    else this.#addRegExp(pattern, value)
    this.#size++
    return this.#order++
  }

  /** Refuses what `add` refuses, before anything is done with the pattern. @throws InvalidPatternError, LimitError */
  check(pattern: RegExp | string): void {
    checkPattern(pattern)
    const own = respondersPattern(pattern)
    if (own !== undefined) return this.#ofResponders().check(own)
    if (typeof pattern === 'string') return
    const key = patternKey(pattern)
    if (this.#entries.has(key)) return
    const matcher = this.#compile(pattern)
    if (matcher instanceof LinearMatcher && !this.#hasRoom(matcher)) {
      if (this.#index.isCrowded(requiredLiterals(pattern))) throw tooMany()
    }
    this.#checked = { key, matcher }
  }

  #hasRoom(matcher: LinearMatcher): boolean {
    return this.#combined.size + matcher.program().size <= MAX_COMBINED
  }

  /** Removes one addition. False if it is not there. */
  remove(pattern: RegExp | string, addition: number): boolean {
    const own = respondersPattern(pattern)
    if (own !== undefined) return this.#responders?.remove(own, addition) === true
    const isOut =
      typeof pattern === 'string'
        ? this.#removeExact(pattern, addition)
        : this.#removeRegExp(pattern, addition)
    if (isOut && --this.#size === 0) this.#forget()
    return isOut
  }

  /** The answers of `admits` may have changed. */
  forgetTopics(): void {
    this.#cache.clear()
    this.#responders?.forgetTopics()
  }

  match(topic: string): readonly V[] {
    return this.route(topic).values
  }

  /** Valid until the next addition or removal. */
  route(topic: string): Route<V> {
    const cached = this.#cache.get(topic)
    return cached?.version === this.#version ? cached : this.#find(topic, cached)
  }

  #ofResponders(): PatternTable<V> {
    return (this.#responders ??= respondersTable(this.#compile, this.#admits))
  }

  #find(topic: string, cached: Cached<V> | undefined): Route<V> {
    if (isRequest(topic)) return this.#responders?.route(topic.slice(REQUESTS.length)) ?? nowhere
    if (cached !== undefined && this.#catchUp(topic, cached)) return cached
    const values = this.#admitted(topic, this.#lookUp(topic))
    if (cached === undefined) {
      const fresh = new Cached(this.#version, values)
      this.#cache.set(topic, fresh)
      return fresh
    }
    cached.version = this.#version
    this.#renew(topic, cached, values)
    return cached
  }

  #admitted(topic: string, values: readonly V[]): readonly V[] {
    const admits = this.#admits
    if (admits === undefined || values.length === 0) return values
    const isAdmitted = (value: V): boolean => admits(value, topic)
    return values.every(isAdmitted) ? values : values.filter(isAdmitted)
  }

  #addExact(topic: string, value: V): void {
    const additions = this.#exact.get(topic)
    if (additions === undefined) this.#exact.set(topic, { order: this.#order, value, more: undefined })
    else append(additions, this.#order, value)
    this.#cache.delete(topic)
  }

  #removeExact(topic: string, order: number): boolean {
    const additions = this.#exact.get(topic)
    if (additions === undefined) return false
    const isLast = additions.more === undefined || additions.more.length === 0
    if (takeOut(additions, order) === undefined) return false
    if (isLast) this.#exact.delete(topic)
    this.#cache.delete(topic)
    return true
  }

  #addRegExp(pattern: RegExp, value: V): void {
    const key = patternKey(pattern)
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      const matcher = this.#checked?.key === key ? this.#checked.matcher : this.#compile(pattern)
      this.#checked = undefined
      entry = new Entry<V>(matcher, reachesSystemTopics(pattern), this.#order, value)
      this.#place(entry, pattern)
      this.#entries.set(key, entry)
    } else append(entry, this.#order, value)
    this.#note({ entry, value, added: true })
  }

  /** Where a look-up finds it. Those that it would find too often are matched together, if they can be. */
  #place(entry: Entry<V>, pattern: RegExp): void {
    const literals = requiredLiterals(pattern)
    const { matcher } = entry
    if (matcher instanceof LinearMatcher && this.#index.isCrowded(literals)) {
      if (!this.#hasRoom(matcher)) throw tooMany()
      entry.group = this.#combined.add(entry, matcher.program())
    } else this.#index.add(entry, literals, () => topicLengths(pattern))
  }

  #removeRegExp(pattern: RegExp, order: number): boolean {
    const key = patternKey(pattern)
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    const isLast = entry.more === undefined || entry.more.length === 0
    const taken = takeOut(entry, order)
    if (taken === undefined) return false
    this.#note({ entry, value: taken.value, added: false })
    if (!isLast) return true
    this.#entries.delete(key)
    if (entry.group === undefined) this.#index.remove(entry)
    else this.#combined.remove(entry, entry.group)
    return true
  }

  #note(change: Change<V>): void {
    this.#changes[++this.#version % CHANGES_KEPT] = change
  }

  /** The table is empty: it keeps no value and no topic. */
  #forget(): void {
    this.#changes.length = 0
    this.#cache.clear()
  }

  /** Applies the changes since. False if it needs a look-up. */
  #catchUp(topic: string, cached: Cached<V>): boolean {
    if (this.#version - cached.version > CHANGES_KEPT) return false
    let values = cached.values
    for (let version = cached.version + 1; version <= this.#version; version++) {
      const change = this.#changes[version % CHANGES_KEPT]
      if (change === undefined) return false
      // A value that is missing was not taken away; a present one may belong to another pattern, too.
      if (!change.added && values.includes(change.value)) return false
      // Not a candidate, so the answer needs no matcher, which may not even be compiled yet.
      if (!change.added || values.includes(change.value)) continue
      const { entry } = change
      const isCandidate = entry.group !== undefined || this.#index.isCandidate(entry, topic)
      if (!isCandidate || !entry.matches(topic)) continue
      if (this.#admits?.(change.value, topic) !== false) values = [...values, change.value]
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
    if (exact !== undefined) collect(exact, found)
    const candidates = this.#index.candidates(topic)
    for (let i = 0; i < candidates.length; i++) {
      const entry = candidates[i]
      if (entry?.matches(topic) === true) collect(entry, found)
    }
    this.#matchCombined(topic, found)
    const [first] = found
    if (first === undefined) return nothing
    if (found.length === 1) return [first.value]
    found.sort((a, b) => a.order - b.order)
    return [...new Set(found.map(addition => addition.value))]
  }

  #matchCombined(topic: string, found: Addition<V>[]): void {
    if (this.#combined.size === 0) return
    const matching = this.#matching
    this.#combined.match(topic, matching)
    const isOfSystem = isSystemTopic(topic)
    for (const entry of matching) if (entry.isOfSystem || !isOfSystem) collect(entry, found)
    matching.length = 0
  }
}

/** A table of the topics of requests without their prefix. */
function respondersTable<V>(
  compile: (pattern: RegExp) => Matcher,
  admits: ((value: V, topic: string) => boolean) | undefined,
): PatternTable<V> {
  return new PatternTable<V>(compile, {
    admits: admits && ((value, topic) => admits(value, REQUESTS + topic)),
  })
}

function tooMany(): LimitError {
  return new LimitError(
    'This van has too many patterns that no literal tells apart: their instructions are over 1,000,000. Put a literal of three characters or more into each, as in /^orders\\./, or unsubscribe some.',
  )
}

function collect<V>(additions: Additions<V>, found: Addition<V>[]): void {
  found.push(additions)
  if (additions.more === undefined) return
  for (const addition of additions.more) found.push(addition)
}
