import { type AST } from '@eslint-community/regexpp'
import { InvalidPatternError } from '../../../errors.js'
import type { CharSet } from './char-set.js'
import { ClassReader } from './linear-classes.js'
import { parsePattern } from './pattern-syntax.js'
import { Edge, Group, Op, type Program } from './program.js'

export const MAX_PATTERN_BYTES = 512
/** Along each way down the tree: nested repeats multiply. */
export const MAX_REPEAT = 1000
/** Instructions. Time per topic grows with it. */
export const MAX_PROGRAM = 1000

const utf8 = new TextEncoder()

/**
 * A pattern as a program that takes linear time, of any size.
 *
 * @param group the name of the group that it reads
 * @throws InvalidPatternError for a pattern without a linear equal, with the reason
 */
export function compileGroup(pattern: RegExp, group: string): Program {
  return new Compiler(pattern.flags, group).compile(treeOf(pattern))
}

/**
 * A pattern as a program that takes linear time. Each atom becomes the set of characters that it takes in JavaScript.
 * @throws InvalidPatternError for a pattern without a linear equal, with the reason
 */
export function compileProgram(pattern: RegExp): Program {
  const { source, flags } = pattern
  if (source.length > MAX_PATTERN_BYTES || utf8.encode(source).length > MAX_PATTERN_BYTES) {
    throw new InvalidPatternError(
      `A pattern takes at most ${MAX_PATTERN_BYTES} UTF-8 bytes. Shorten it, or split it in two.`,
    )
  }
  const unknown = flags.replace(/[dgimsuvy]/g, '')
  if (unknown !== '') throw new InvalidPatternError(`The flag ${unknown} is not known here. Leave it out.`)
  return new Compiler(flags).compile(treeOf(pattern))
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

class Compiler {
  readonly #flags: string
  readonly #group: string | undefined
  /** The times that the group was written out. */
  #groups = 0
  readonly #classes: ClassReader
  readonly #isUnicode: boolean
  readonly #isMultiline: boolean
  #code: number[] = []
  readonly #sets: CharSet[] = []
  readonly #setNumbers = new Map<string, number>()
  /** Atoms that are read: one that repeats is written out many times. */
  readonly #atoms = new Map<AST.Element, CharSet>()
  #size = 0

  constructor(flags: string, group?: string) {
    this.#flags = flags
    this.#group = group
    this.#classes = new ClassReader(flags)
    this.#isUnicode = /[uv]/.test(flags)
    this.#isMultiline = flags.includes('m')
  }

  compile({ alternatives }: AST.Pattern): Program {
    this.#alternatives(alternatives, 1)
    this.#emit(Op.Match, 0, 0)
    return {
      code: Int32Array.from(this.#code),
      sets: this.#sets,
      isUnicode: this.#isUnicode,
      isAnchored: !this.#isMultiline && alternatives.every(startsAtStart),
      size: this.#size,
    }
  }

  get #here(): number {
    return this.#code.length / 3
  }

  /** @returns the instruction's number */
  #emit(op: number, x: number, y: number, cost = 1): number {
    this.#size += cost
    if (this.#size > MAX_PROGRAM) {
      throw new InvalidPatternError(
        `It compiles to more than ${MAX_PROGRAM} instructions. Make its repeat counts or classes smaller, or split it in two.`,
      )
    }
    return this.#code.push(op, x, y) / 3 - 1
  }

  /** @param argument 1 for x, 2 for y */
  #patch(instruction: number, argument: 1 | 2): void {
    this.#code[instruction * 3 + argument] = this.#here
  }

  #alternatives(alternatives: readonly AST.Alternative[], repeats: number): void {
    const ends: number[] = []
    for (const [i, { elements }] of alternatives.entries()) {
      const isLast = i === alternatives.length - 1
      const split = isLast ? -1 : this.#emit(Op.Split, this.#here + 1, 0)
      for (const element of elements) this.#element(element, repeats)
      if (isLast) break
      // The split pays for this jump: an alternative costs one instruction.
      ends.push(this.#emit(Op.Jump, 0, 0, 0))
      this.#patch(split, 2)
    }
    for (const end of ends) this.#patch(end, 1)
  }

  #element(node: AST.Element, repeats: number): void {
    switch (node.type) {
      case 'Assertion':
        this.#emit(Op.Edge, this.#edge(node), 0)
        return
      case 'Quantifier':
        return this.#quantifier(node, repeats)
      case 'Group':
        if (node.modifiers !== null)
          throw new InvalidPatternError(
            `Flags inside a pattern, as in ${node.modifiers.raw}, are not supported. Set them for all of it.`,
          )
        return this.#alternatives(node.alternatives, repeats)
      case 'CapturingGroup':
        return this.#capturing(node, repeats)
      case 'Backreference':
        throw new InvalidPatternError(
          `The back-reference ${node.raw} cannot be matched in linear time. Write out the possible repeats, or filter after subscribing.`,
        )
      case 'CharacterSet':
        if (node.kind === 'any')
          return this.#set(this.#flags.includes('s') ? this.#classes.any : this.#classes.notLine)
        return this.#atom(node)
      default:
        return this.#atom(node)
    }
  }

  #capturing({ name, alternatives }: AST.CapturingGroup, repeats: number): void {
    const isRead = name !== null && name === this.#group
    if (isRead) {
      this.#groups += 1
      this.#emit(Op.Group, Group.Begins, 0, 0)
    }
    this.#alternatives(alternatives, repeats)
    if (isRead) this.#emit(Op.Group, Group.Ends, 0, 0)
  }

  #edge(node: AST.Assertion): number {
    switch (node.kind) {
      case 'start':
        return this.#isMultiline ? Edge.LineStart : Edge.Start
      case 'end':
        return this.#isMultiline ? Edge.LineEnd : Edge.End
      case 'word':
        if (this.#flags.includes('i') && this.#isUnicode) {
          throw new InvalidPatternError(
            `${node.raw} together with the flags i and ${this.#flags.includes('v') ? 'v' : 'u'} has no linear equal. Leave out one of them.`,
          )
        }
        return node.negate ? Edge.NoWord : Edge.Word
      default:
        throw new InvalidPatternError(
          `Look-around, as in ${node.raw}, cannot be matched in linear time. Write it without, or filter after subscribing.`,
        )
    }
  }

  /** Greedy or lazy makes no difference to whether there is a match, only to its groups. */
  #quantifier(node: AST.Quantifier, repeats: number): void {
    const { min, max, raw, element } = node
    const times = max === Infinity ? min : max
    const inner = repeats * Math.max(times, 1)
    if (inner > MAX_REPEAT) {
      throw new InvalidPatternError(
        `${raw} repeats up to ${inner} times in all; a host takes ${MAX_REPEAT}. Use + or *, or a smaller count.`,
      )
    }
    if (max === 0) return this.#checkOnly(element, inner)
    for (let copy = 1; copy < min; copy += 1) this.#repeated(element, inner)
    if (max !== Infinity) {
      if (min > 0) this.#repeated(element, inner)
      return this.#optional(node, inner, max - min)
    }
    const loop = this.#here
    const split = min === 0 ? this.#emit(Op.Split, loop + 1, 0) : -1
    this.#repeated(element, inner)
    if (min === 0) {
      this.#emit(Op.Jump, loop, 0, 0)
      this.#patch(split, 2)
      this.#swapIf(!node.greedy, split)
    } else this.#swapIf(!node.greedy, this.#emit(Op.Split, loop, this.#here + 1))
  }

  #optional({ element, greedy }: AST.Quantifier, repeats: number, copies: number): void {
    const splits: number[] = []
    for (let copy = 0; copy < copies; copy += 1) {
      splits.push(this.#emit(Op.Split, this.#here + 1, 0))
      this.#repeated(element, repeats)
    }
    for (const split of splits) this.#patch(split, 2)
    for (const split of splits) this.#swapIf(!greedy, split)
  }

  /** One time of several: a group in it has no text from the time before. */
  #repeated(element: AST.QuantifiableElement, repeats: number): void {
    if (this.#group === undefined) return this.#element(element, repeats)
    const before = this.#groups
    const unset = this.#emit(Op.Group, Group.Unset, 0, 0)
    this.#element(element, repeats)
    if (this.#groups > before) return
    this.#code[unset * 3] = Op.Jump
    this.#code[unset * 3 + 1] = unset + 1
  }

  /** Lazy: the way on comes first. */
  #swapIf(isLazy: boolean, split: number): void {
    if (!isLazy) return
    const [x, y] = [split * 3 + 1, split * 3 + 2]
    const before = this.#code[x] ?? 0
    this.#code[x] = this.#code[y] ?? 0
    this.#code[y] = before
  }

  /** A part that repeats no times matches nothing. It is refused all the same where it has no linear equal. */
  #checkOnly(element: AST.QuantifiableElement, repeats: number): void {
    const [code, size] = [this.#code, this.#size]
    this.#code = []
    this.#element(element, repeats)
    this.#code = code
    this.#size = size + 1
  }

  #atom(node: Parameters<ClassReader['read']>[0] & AST.Element): void {
    let set = this.#atoms.get(node)
    if (set === undefined) this.#atoms.set(node, (set = this.#classes.read(node)))
    this.#set(set)
  }

  #set(set: CharSet): void {
    const key = String.fromCodePoint(...set)
    let number = this.#setNumbers.get(key)
    if (number === undefined) this.#setNumbers.set(key, (number = this.#sets.push(set) - 1))
    this.#emit(Op.Set, number, 0, 1 + Math.floor(set.length / 32))
  }
}

function startsAtStart({ elements: [first] }: AST.Alternative): boolean {
  if (first?.type === 'Group' || first?.type === 'CapturingGroup')
    return first.alternatives.every(startsAtStart)
  return first?.type === 'Assertion' && first.kind === 'start'
}
