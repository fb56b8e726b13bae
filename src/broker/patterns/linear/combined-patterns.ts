import { Automaton } from './automaton.js'
import type { Program } from './program.js'

/** Instructions of one automaton, beyond which a group takes no more. */
const GROUP_SIZE = 4096
const GROUP_PATTERNS = 256

/** Patterns that one automaton matches together. One that is taken out stays in it, unheard, until half of them are. */
export class Group<E> {
  #entries: (E | undefined)[] = []
  #programs: Program[] = []
  #automaton: Automaton | undefined
  #size = 0
  #gone = 0

  constructor(
    readonly isUnicode: boolean,
    readonly isAnchored: boolean,
  ) {}

  get isEmpty(): boolean {
    return this.#gone === this.#entries.length
  }

  get isFull(): boolean {
    return this.#size >= GROUP_SIZE || this.#entries.length >= GROUP_PATTERNS
  }

  takes({ isUnicode, isAnchored }: Program): boolean {
    return this.isUnicode === isUnicode && this.isAnchored === isAnchored && !this.isFull
  }

  add(entry: E, program: Program): void {
    this.#entries.push(entry)
    this.#programs.push(program)
    this.#size += program.size
    this.#automaton = undefined
    // Not at a publish, which would wait for the automata of all groups at once.
    if (this.isFull) this.#automaton = this.#make()
  }

  /** @returns the size of its program */
  remove(entry: E): number {
    const place = this.#entries.indexOf(entry)
    const size = this.#programs[place]?.size ?? 0
    this.#entries[place] = undefined
    this.#gone += 1
    if (this.#gone * 2 > this.#entries.length) this.#compact()
    return size
  }

  match(topic: string, found: Set<number>, matching: E[]): void {
    this.#automaton ??= this.#make()
    this.#automaton.matches(topic, found)
    if (found.size === 0) return
    for (const place of found) {
      const entry = this.#entries[place]
      if (entry !== undefined) matching.push(entry)
    }
    found.clear()
  }

  #make(): Automaton {
    const automaton = new Automaton(this.#programs)
    automaton.prepare()
    return automaton
  }

  #compact(): void {
    const isThere = (_: unknown, place: number): boolean => this.#entries[place] !== undefined
    this.#programs = this.#programs.filter(isThere)
    this.#entries = this.#entries.filter(isThere)
    this.#size = this.#programs.reduce((sum, { size }) => sum + size, 0)
    this.#gone = 0
    this.#automaton = undefined
  }
}

/**
 * Patterns that no literal tells apart: each would be a candidate for every topic. They are matched together, in groups, so that a
 * topic costs little for each of them however many they are.
 */
export class CombinedPatterns<E> {
  readonly #groups: Group<E>[] = []
  readonly #found = new Set<number>()
  #size = 0

  /** Instructions of all of them. */
  get size(): number {
    return this.#size
  }

  add(entry: E, program: Program): Group<E> {
    let group = this.#groups.at(-1)
    if (group?.takes(program) !== true) group = this.#groups.find(each => each.takes(program))
    if (group === undefined) {
      group = new Group(program.isUnicode, program.isAnchored)
      this.#groups.push(group)
    }
    group.add(entry, program)
    this.#size += program.size
    return group
  }

  /** @param group as `add` gave it */
  remove(entry: E, group: Group<E>): void {
    this.#size -= group.remove(entry)
    if (group.isEmpty) this.#groups.splice(this.#groups.indexOf(group), 1)
  }

  /** Adds those that match to the list, in no order, each once. */
  match(topic: string, matching: E[]): void {
    for (const group of this.#groups) group.match(topic, this.#found, matching)
  }
}
