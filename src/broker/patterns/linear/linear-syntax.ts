import { type AST } from '@eslint-community/regexpp'
import { InvalidPatternError } from '../../../errors.js'
import {
  type CharSet,
  contains,
  lineTerminators,
  rangesOf,
  union,
  complement,
  intersection,
} from './char-set.js'
import { ClassReader } from './linear-classes.js'
import { parsePattern } from './pattern-syntax.js'

export const MAX_PATTERN_BYTES = 512
/** re2js's own bound, along each way down the tree: nested repeats multiply. */
export const MAX_REPEAT = 1000
/** Instructions, by estimate before compiling. Time per topic grows with it. */
export const MAX_PROGRAM = 1000

/** A JavaScript pattern in RE2's words, and how topics must be written for it. */
export interface LinearPattern {
  readonly source: string
  /** Without `u` a character is a UTF-16 unit; re2js steps by code point, so surrogates are moved out of its sight. */
  readonly units: boolean
  /** `m` with `^` or `$`: line ends are written as three characters, see encodeTopic. */
  readonly lines: boolean
  /** About how many instructions it compiles to. */
  readonly size: number
}

const utf8 = new TextEncoder()
const SURROGATES_MOVED = 0x100000
const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff
const surrogates: CharSet = [FIRST_SURROGATE, LAST_SURROGATE]
const lineEnds: ReadonlyMap<number, string> = new Map([
  [0x0a, 'n'],
  [0x0d, 'r'],
  [0x2028, 'l'],
  [0x2029, 'p'],
])

/**
 * The same language in RE2's syntax: nothing of the source is copied, each atom is written anew as the set of characters
 * it takes in JavaScript. What has no equal is refused.
 * @throws InvalidPatternError saying why
 */
export function translate(pattern: RegExp): LinearPattern {
  const { source, flags } = pattern
  if (source.length > MAX_PATTERN_BYTES || utf8.encode(source).length > MAX_PATTERN_BYTES) {
    throw new InvalidPatternError(
      `A pattern takes at most ${MAX_PATTERN_BYTES} UTF-8 bytes. Shorten it, or split it in two.`,
    )
  }
  const unknown = flags.replace(/[dgimsuvy]/g, '')
  if (unknown !== '') throw new InvalidPatternError(`The flag ${unknown} is not known here. Leave it out.`)
  return new Translator(flags).translate(treeOf(pattern))
}

function treeOf(pattern: RegExp): AST.Pattern {
  try {
    return parsePattern(pattern)
  } catch (cause) {
    throw new InvalidPatternError('It uses syntax that a host cannot read. Write it in plainer terms.', {
      cause,
    })
  }
}

/** The topic as a LinearPattern's program wants it: itself, for almost every topic. */
export function encodeTopic(topic: string, pattern: LinearPattern): string {
  if (pattern.units && /[\ud800-\udfff]/.test(topic)) {
    topic = topic.replace(/[\ud800-\udfff]/g, unit =>
      String.fromCodePoint(SURROGATES_MOVED + unit.charCodeAt(0)),
    )
  }
  if (pattern.lines && /[\n\r\u2028\u2029]/.test(topic)) {
    // RE2 knows one line end, \n, on whose two sides `^` and `$` hold: give each of JavaScript's four both sides.
    topic = topic.replace(/[\n\r\u2028\u2029]/g, end => `\n${lineEnds.get(end.charCodeAt(0)) ?? ''}\n`)
  }
  return topic
}

class Translator {
  readonly #flags: string
  readonly #classes: ClassReader
  readonly #units: boolean
  #lines = false

  constructor(flags: string) {
    this.#flags = flags
    this.#classes = new ClassReader(flags)
    this.#units = !/[uv]/.test(flags)
  }

  translate(tree: AST.Pattern): LinearPattern {
    this.#lines = this.#flags.includes('m') && hasEdge(tree.alternatives)
    const [body, size] = this.#alternatives(tree.alternatives, 1)
    // Anchored, so that a match never starts inside a line end's three characters.
    const source = this.#lines ? `\\A(?:[^\\x{a}]|\\x{a}[a-z]\\x{a})*(?:${body})` : body
    return { source, units: this.#units, lines: this.#lines, size: checkSize(size + (this.#lines ? 8 : 2)) }
  }

  #alternatives(alternatives: readonly AST.Alternative[], repeats: number): [string, number] {
    let size = alternatives.length - 1
    const parts: string[] = []
    for (const alternative of alternatives) {
      let text = ''
      for (const element of alternative.elements) {
        const [part, cost] = this.#element(element, repeats)
        text += part
        size = checkSize(size + cost)
      }
      parts.push(text)
    }
    return [parts.join('|'), size]
  }

  #element(node: AST.Element, repeats: number): [string, number] {
    switch (node.type) {
      case 'Assertion':
        return [this.#assertion(node), 1]
      case 'Quantifier':
        return this.#quantifier(node, repeats)
      case 'Group':
        if (node.modifiers !== null)
          throw new InvalidPatternError(
            `Flags inside a pattern, as in ${node.modifiers.raw}, are not supported. Set them for all of it.`,
          )
        return this.#group(node, repeats)
      case 'CapturingGroup':
        return this.#group(node, repeats)
      case 'Backreference':
        throw new InvalidPatternError(
          `The back-reference ${node.raw} cannot be matched in linear time. Write out what it may repeat, or filter after subscribing.`,
        )
      case 'CharacterSet':
        if (node.kind === 'any')
          return this.#set(this.#flags.includes('s') ? this.#classes.any : this.#classes.notLine)
        return this.#set(this.#classes.read(node))
      default:
        return this.#set(this.#classes.read(node))
    }
  }

  /** Nothing asks for what a group captured. */
  #group(node: AST.Group | AST.CapturingGroup, repeats: number): [string, number] {
    const [body, size] = this.#alternatives(node.alternatives, repeats)
    return [`(?:${body})`, size]
  }

  #assertion(node: AST.Assertion): string {
    switch (node.kind) {
      case 'start':
        return this.#lines ? '(?m:^)' : '\\A'
      case 'end':
        return this.#lines ? '(?m:$)' : '\\z'
      case 'word':
        if (this.#flags.includes('i') && !this.#units) {
          throw new InvalidPatternError(
            `${node.raw} together with the flags i and ${this.#flags.includes('v') ? 'v' : 'u'} has no linear equal. Leave out one of them.`,
          )
        }
        return node.negate ? '\\B' : '\\b'
      default:
        throw new InvalidPatternError(
          `Look-around, as in ${node.raw}, cannot be matched in linear time. Write it without, or filter after subscribing.`,
        )
    }
  }

  /** Greedy or lazy makes no difference to whether there is a match. */
  #quantifier(node: AST.Quantifier, repeats: number): [string, number] {
    const { min, max, raw } = node
    const times = max === Infinity ? min : max
    const inner = repeats * Math.max(times, 1)
    if (inner > MAX_REPEAT) {
      throw new InvalidPatternError(
        `${raw} repeats up to ${inner} times in all; a host takes ${MAX_REPEAT}. Use + or *, or a smaller count.`,
      )
    }
    const [body, size] = this.#element(node.element, inner)
    if (max === 0) return ['(?:)', 1]
    const optional = max === Infinity ? 1 : max - min
    return [`(?:${body})${suffix(min, max)}`, checkSize(Math.max(times, 1) * size + optional)]
  }

  #set(set: CharSet): [string, number] {
    const [text, size] = this.#lines ? this.#setWithLineEnds(set) : [write(set), sizeOfClass(set)]
    return this.#units && touchesSurrogates(set) ? [this.#moved(set), size] : [text, size]
  }

  /** Surrogates are written where encodeTopic moves them. */
  #moved(set: CharSet): string {
    const moved = intersection(set, surrogates, 0xffff).map(unit => unit + SURROGATES_MOVED)
    const kept = intersection(set, complement(surrogates, 0xffff), 0xffff)
    return this.#lines ? this.#setWithLineEnds(union([kept, moved]))[0] : write(union([kept, moved]))
  }

  #setWithLineEnds(set: CharSet): [string, number] {
    const ends = [...lineEnds].filter(([end]) => contains(set, end))
    if (ends.length === 0) return [write(set), sizeOfClass(set)]
    const others = intersection(set, complement(lineTerminators, 0x10ffff), 0x10ffff)
    const letters = ends.map(([, letter]) => letter).join('')
    return [`(?:${write(others)}|\\x{a}[${letters}]\\x{a})`, sizeOfClass(others) + 5]
  }
}

function hasEdge(alternatives: readonly AST.Alternative[]): boolean {
  return alternatives.some(({ elements }) => elements.some(holdsEdge))
}

function holdsEdge(node: AST.Element): boolean {
  switch (node.type) {
    case 'Assertion':
      return node.kind === 'start' || node.kind === 'end'
    case 'Quantifier':
      return holdsEdge(node.element)
    case 'Group':
    case 'CapturingGroup':
      return hasEdge(node.alternatives)
    default:
      return false
  }
}

function checkSize(size: number): number {
  if (size <= MAX_PROGRAM) return size
  throw new InvalidPatternError(
    `It compiles to more than ${MAX_PROGRAM} instructions. Make its repeat counts or classes smaller, or split it in two.`,
  )
}

function suffix(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  if (min === 0 && max === 1) return '?'
  return min === max ? `{${min}}` : `{${min},${max}}`
}

/** Asked of each atom of each pattern, most of which are one character. */
function touchesSurrogates(set: CharSet): boolean {
  for (let at = 0; at + 1 < set.length; at += 2)
    if ((set[at] ?? 0) <= LAST_SURROGATE && (set[at + 1] ?? 0) >= FIRST_SURROGATE) return true
  return false
}

/** One instruction, and its ranges' share in memory and time. */
function sizeOfClass(set: CharSet): number {
  return 1 + Math.floor(set.length / 32)
}

function write(set: CharSet): string {
  if (set.length === 0) return '[^\\x{0}-\\x{10ffff}]'
  if (set.length === 2 && set[0] === set[1]) return hex(set[0] ?? 0)
  let text = '['
  for (const [low, high] of rangesOf(set)) text += low === high ? hex(low) : `${hex(low)}-${hex(high)}`
  return `${text}]`
}

function hex(char: number): string {
  return `\\x{${char.toString(16)}}`
}
