import { type CharSet, contains, lineTerminators, wordCharacters } from './char-set.js'

/** Conditions of assertions about the characters on both sides of a place. */
export const Side = { Word: 1, Line: 2, Outside: 4 } as const

/** Beyond ASCII: numbers of characters that are remembered. */
const REMEMBERED = 4096
export const MAX_CLASSES = 256
const UNKNOWN = -1

/** Characters that no set of an automaton tells apart. */
export interface CharacterClass {
  readonly number: number
  /** For each set, whether it has them. */
  readonly isIn: Uint8Array
  /** Bits of Side. */
  readonly side: number
}

/** Finds the class of a character. Classes are made when a first character of theirs comes. */
export class CharacterClasses {
  readonly #sets: readonly CharSet[]
  readonly #sides: number
  readonly #ascii = new Int16Array(128).fill(UNKNOWN)
  readonly #others = new Map<number, number>()
  readonly #numbers = new Map<string, number>()
  readonly #classes: CharacterClass[] = []
  /** The end of the topic, which is in no set. */
  readonly end: CharacterClass

  /** @param sides those that an assertion asks for */
  constructor(sets: readonly CharSet[], sides: number) {
    this.#sets = sets
    this.#sides = sides
    this.end = { number: 0, isIn: new Uint8Array(sets.length), side: Side.Outside & sides }
    this.#classes.push(this.end)
  }

  /** Too many: a caller that uses their numbers should begin anew. */
  get areTooMany(): boolean {
    return this.#classes.length > MAX_CLASSES
  }

  at(number: number): CharacterClass {
    return this.#classes[number] ?? this.end
  }

  numberOf(char: number): number {
    const known = char < 128 ? (this.#ascii[char] ?? UNKNOWN) : (this.#others.get(char) ?? UNKNOWN)
    return known === UNKNOWN ? this.#find(char) : known
  }

  #find(char: number): number {
    const isIn = Uint8Array.from(this.#sets, set => Number(contains(set, char)))
    const word = contains(wordCharacters, char) ? Side.Word : 0
    const side = (word | (contains(lineTerminators, char) ? Side.Line : 0)) & this.#sides
    const key = String.fromCharCode(side, ...isIn)
    let number = this.#numbers.get(key)
    if (number === undefined) {
      number = this.#classes.length
      this.#classes.push({ number, isIn, side })
      this.#numbers.set(key, number)
    }
    if (char < 128) this.#ascii[char] = number
    else {
      if (this.#others.size >= REMEMBERED) this.#others.clear()
      this.#others.set(char, number)
    }
    return number
  }
}
