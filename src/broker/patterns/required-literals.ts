import { type AST } from '@eslint-community/regexpp'
import { parsePattern } from './linear/pattern-syntax.js'

/**
 * The texts that every matching topic must contain: at least one text of each of these sets. The texts are folded (see
 * foldUnit) and stand in `START + folded topic + END`, so that `^` and `$` are part of them.
 */
export type Literals = readonly (readonly string[])[]

/**
 * Stand for the ends of the topic. Hardly any topic has these characters, and they take one byte, so they never make a
 * topic's text wider. A pattern that names one requires nothing there; a topic that has one may be a candidate too
 * often.
 */
export const START = '\x02'
export const END = '\x03'

/** It does not look into a longer source: only an app's own RegExp can be that long. */
const MAX_SOURCE = 4096
const MAX_ALTERNATIVES = 16
const MAX_LENGTH = 64
const MAX_CLASS = 8
const MAX_SETS = 16

/** One case for both: ASCII's letters, and the two beyond ASCII which `iu` takes for ASCII letters. */
export function foldUnit(unit: number): number {
  if (unit >= 65 && unit <= 90) return unit + 32
  if (unit === 0x17f) return 0x73
  return unit === 0x212a ? 0x6b : unit
}

/**
 * As one text, because there are very many: each set with its length in front, and each text of it with its own. A list
 * of lists takes three times as much for short texts.
 */
export function packLiterals(literals: Literals): string {
  const parts = literals.flatMap(texts => {
    const lengths = texts.map(text => String.fromCharCode(text.length))
    const total = texts.reduce((sum, text) => sum + 1 + text.length, 0)
    return [String.fromCharCode(total), ...texts.flatMap((text, i) => [lengths[i] ?? '', text])]
  })
  // Joined at once it is one text, and not a tree of its parts.
  return parts.join('')
}

/** Conservative: syntax that it does not understand requires nothing. */
export function requiredLiterals(pattern: RegExp): Literals {
  if (pattern.source.length > MAX_SOURCE) return []
  try {
    const { alternatives } = parsePattern(pattern)
    const run = new Run()
    new Reader(pattern.flags).alternatives(alternatives, run)
    run.end()
    return run.needs
  } catch {
    return [] // newer syntax than the parser's, or nested too deeply for it
  }
}

/** A stretch of a pattern, read from left to right: the possible texts since the last unsure place. */
class Run {
  texts: readonly string[] = ['']
  readonly needs: (readonly string[])[] = []
  /** Never unsure so far: `texts` is all that the stretch matches. */
  exact = true

  append(pieces: readonly string[]): void {
    const [piece] = pieces
    if (pieces.length === 1 && piece !== undefined) {
      this.#appendOne(piece)
      return
    }
    if (this.texts.length * pieces.length > MAX_ALTERNATIVES) this.end()
    const joined = this.texts.flatMap(text => pieces.map(piece => join(text, piece)))
    this.texts = [...new Set(joined)]
    if (this.texts.some(text => text.length > MAX_LENGTH)) this.end()
  }

  /** The usual case: one character. */
  #appendOne(piece: string): void {
    if (piece === '') return
    this.texts = this.texts.map(text => join(text, piece))
    if (this.texts.some(text => text.length > MAX_LENGTH)) this.end()
  }

  /** The next part is unknown. */
  end(): void {
    if (this.texts.every(text => text.length >= 2) && this.needs.length < MAX_SETS)
      this.needs.push(this.texts)
    this.texts = ['']
    this.exact = false
  }
}

/** `^^a` asserts one start, not two. */
function join(left: string, right: string): string {
  const doubled =
    (left.endsWith(START) && right.startsWith(START)) || (left.endsWith(END) && right.startsWith(END))
  return doubled ? left + right.slice(1) : left + right
}

class Reader {
  readonly #ignoreCase: boolean
  readonly #multiline: boolean

  constructor(flags: string) {
    this.#ignoreCase = flags.includes('i')
    this.#multiline = flags.includes('m')
  }

  alternatives(alternatives: readonly AST.Alternative[], run: Run): void {
    const [only] = alternatives
    if (alternatives.length === 1 && only !== undefined) {
      for (const element of only.elements) this.#element(element, run)
      return
    }
    const branches = alternatives.map(({ elements }) => {
      const branch = new Run()
      for (const element of elements) this.#element(element, branch)
      return branch
    })
    const texts = new Set(branches.flatMap(branch => branch.texts))
    if (branches.every(branch => branch.exact) && texts.size <= MAX_ALTERNATIVES) {
      run.append([...texts])
      return
    }
    run.end()
    const need = new Set<string>()
    for (const branch of branches) {
      branch.end()
      const best = mostTelling(branch.needs)
      if (best === undefined) return // one branch that requires nothing makes the whole require nothing
      for (const text of best) need.add(text)
    }
    if (need.size <= MAX_ALTERNATIVES) run.needs.push([...need])
  }

  #element(node: AST.Element, run: Run): void {
    switch (node.type) {
      case 'Assertion':
        // Zero wide, so its neighbours stay neighbours. With `m` these are not the topic's ends any more.
        if (node.kind === 'start' && !this.#multiline) run.append([START])
        else if (node.kind === 'end' && !this.#multiline) run.append([END])
        return
      case 'Group':
        if (node.modifiers !== null) return run.end()
        return this.alternatives(node.alternatives, run)
      case 'CapturingGroup':
        return this.alternatives(node.alternatives, run)
      case 'Quantifier':
        return this.#quantifier(node, run)
      default: {
        const pieces = this.#atom(node)
        if (pieces === undefined) run.end()
        else run.append(pieces)
      }
    }
  }

  #quantifier({ element, min, max }: AST.Quantifier, run: Run): void {
    if (max === 0 || element.type === 'Assertion') return
    if (min === 0 && max === 1) {
      const inner = new Run()
      this.#element(element, inner)
      return inner.exact && inner.texts.length < MAX_ALTERNATIVES
        ? run.append([...new Set(['', ...inner.texts])])
        : run.end()
    }
    if (min === 0) return run.end()
    const pieces = this.#atom(element)
    if (pieces === undefined) {
      this.#element(element, run) // once for sure, then unknown
      if (max > 1) run.end()
      return
    }
    const copies = Math.min(min, MAX_CLASS)
    for (let i = 0; i < copies; i++) run.append(pieces)
    if (copies === max) return
    run.end()
    run.append(pieces) // the last one stands beside the next part
  }

  /** The texts that one character's worth of pattern stands for, if they are few. */
  #atom(node: AST.Element): readonly string[] | undefined {
    if (node.type === 'Character') {
      const text = this.#char(node.value)
      return text === undefined ? undefined : [text]
    }
    if (node.type !== 'CharacterClass' || node.negate) return undefined
    const texts = new Set<string>()
    for (const element of node.elements) {
      const range = element.type === 'CharacterClassRange' ? element : undefined
      const low = range?.min.value ?? (element.type === 'Character' ? element.value : undefined)
      if (low === undefined) return undefined
      const high = range?.max.value ?? low
      if (high - low >= MAX_CLASS * 2) return undefined
      for (let char = low; char <= high; char++) {
        const text = this.#char(char)
        if (text === undefined) return undefined
        texts.add(text)
      }
    }
    return texts.size > 0 && texts.size <= MAX_CLASS ? [...texts] : undefined
  }

  #char(char: number): string | undefined {
    if (char === 2 || char === 3) return undefined
    if (char < 128) return String.fromCharCode(foldUnit(char))
    // Beyond ASCII, the equals under `i` would need tables of their own.
    if (this.#ignoreCase) return undefined
    return char <= 0xffff ? String.fromCharCode(foldUnit(char)) : String.fromCodePoint(char)
  }
}

/** The set whose shortest text is longest: the others' neighbours come for free. */
function mostTelling(needs: Literals): readonly string[] | undefined {
  const shortest = (set: readonly string[]) => Math.min(...set.map(text => text.length))
  return needs.reduce<readonly string[] | undefined>(
    (best, set) => (best === undefined || shortest(set) > shortest(best) ? set : best),
    undefined,
  )
}
