import { type AST } from '@eslint-community/regexpp'
import { InvalidPatternError } from '../../../errors.js'
import { closeOverCase } from './case-folding.js'
import {
  type CharSet,
  complement,
  digits,
  intersection,
  lineTerminators,
  spaces,
  union,
  wordCharacters,
} from './char-set.js'
import { propertySet } from './unicode-properties.js'

type ClassNode =
  | AST.Character
  | AST.CharacterSet
  | AST.CharacterClass
  | AST.ExpressionCharacterClass
  | AST.CharacterClassElement
  | AST.ClassIntersection
  | AST.ClassSubtraction

/** Each takes a look at all of Unicode when it first comes. */
const MAX_PROPERTIES = 16

/** The characters that each atom of a pattern takes, as a plain set, by ECMAScript's rules for the pattern's flags. */
export class ClassReader {
  readonly #ignoreCase: boolean
  readonly #unicode: boolean
  readonly #sets: boolean
  readonly #properties = new Set<string>()
  /** Without `u` or `v` a character is one UTF-16 unit. */
  readonly max: number
  readonly any: CharSet
  readonly notLine: CharSet

  constructor(flags: string) {
    this.#ignoreCase = flags.includes('i')
    this.#sets = flags.includes('v')
    this.#unicode = this.#sets || flags.includes('u')
    this.max = this.#unicode ? 0x10ffff : 0xffff
    this.any = [0, this.max]
    this.notLine = complement(lineTerminators, this.max)
  }

  /** With `i` this is the set's closure over case: the characters that the atom matches, not the written ones. */
  read(node: ClassNode): CharSet {
    switch (node.type) {
      case 'Character':
        return this.#fold([node.value, node.value])
      case 'CharacterClassRange':
        return this.#fold([node.min.value, node.max.value])
      case 'CharacterSet':
        return this.#escape(node)
      case 'CharacterClass': {
        const inside = union(node.elements.map(element => this.read(element)))
        return node.negate ? complement(inside, this.max) : inside
      }
      case 'ExpressionCharacterClass': {
        const inside = this.read(node.expression)
        return node.negate ? complement(inside, this.max) : inside
      }
      case 'ClassIntersection':
        return intersection(this.read(node.left), this.read(node.right), this.max)
      case 'ClassSubtraction':
        return intersection(this.read(node.left), complement(this.read(node.right), this.max), this.max)
      case 'ClassStringDisjunction':
        throw new InvalidPatternError(
          '\\q{…} in a class cannot be matched in linear time here. Write it as (?:a|bc).',
        )
    }
  }

  #escape(node: AST.CharacterSet): CharSet {
    switch (node.kind) {
      case 'any':
        return this.any
      case 'digit':
        return this.#signed(digits, node.negate)
      case 'space':
        return this.#signed(spaces, node.negate)
      case 'word':
        // Under `iu` the Kelvin sign and the long s are word characters, and so \W has not even their closure.
        return this.#signed(this.#unicode ? this.#fold(wordCharacters) : wordCharacters, node.negate)
      case 'property': {
        if (node.strings) {
          throw new InvalidPatternError(
            `${node.raw} takes strings, not characters. Write them out as (?:…|…).`,
          )
        }
        const name = node.value === null ? node.key : `${node.key}=${node.value}`
        return this.#signed(this.#property(name), node.negate)
      }
    }
  }

  #property(name: string): CharSet {
    this.#properties.add(name)
    if (this.#properties.size > MAX_PROPERTIES) {
      throw new InvalidPatternError(
        `It has more than ${MAX_PROPERTIES} different Unicode properties. Leave some out, or split it in two.`,
      )
    }
    return propertySet(`\\p{${name}}`)
  }

  /** `v` folds before it negates, `u` after: /\P{Lu}/iu takes everything, /\P{Lu}/iv only characters without case. */
  #signed(set: CharSet, negate: boolean): CharSet {
    if (!negate) return this.#fold(set)
    return this.#sets ? complement(this.#fold(set), this.max) : this.#fold(complement(set, this.max))
  }

  #fold(set: CharSet): CharSet {
    return this.#ignoreCase ? closeOverCase(set, this.#unicode) : set
  }
}
