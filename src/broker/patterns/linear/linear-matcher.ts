import { LRUCache } from 'lru-cache'
import { InvalidPatternError } from '../../../errors.js'
import { type Matcher, describePattern, patternKey } from '../../../message/pattern.js'
import { Automaton } from './automaton.js'
import { compileGroup, compileProgram } from './compile-program.js'
import { GroupMachine } from './group-machine.js'
import type { Program } from './program.js'

/** Instructions that all automata of single patterns take together; beyond it the least used are made again at need. */
const MAX_INSTRUCTIONS = 1_000_000

const automata = new LRUCache<string, { readonly automaton: Automaton; readonly size: number }>({
  maxSize: MAX_INSTRUCTIONS,
  sizeCalculation: ({ size }) => size + 50,
})

/** A pattern is checked, and right after that often matched together with others. */
let last: { readonly key: string; readonly program: Program } | undefined

/**
 * Matches as the RegExp itself does, in time linear in the topic: for patterns that came over a link. Equal patterns share
 * one automaton, made when the first topic comes to it; a pattern that has none is refused here and now.
 * @throws InvalidPatternError saying why
 */
export function linearMatcher(pattern: RegExp): LinearMatcher {
  const matcher = new LinearMatcher(pattern)
  try {
    matcher.program()
  } catch (error) {
    if (!(error instanceof InvalidPatternError)) throw error
    throw new InvalidPatternError(`${shortly(pattern)} cannot be used in a host: ${error.message}`, {
      cause: error.cause,
    })
  }
  return matcher
}

export class LinearMatcher implements Matcher {
  readonly #pattern: RegExp
  readonly #key: string

  constructor(pattern: RegExp) {
    this.#pattern = pattern
    this.#key = patternKey(pattern)
  }

  test(topic: string): boolean {
    const { automaton } = automata.get(this.#key) ?? this.#make()
    return automaton.test(topic)
  }

  /** Reads a named group, as `RegExp.exec` does. */
  group(name: string): (topic: string) => string | undefined {
    const machine = new GroupMachine(compileGroup(this.#pattern, name))
    return topic => machine.read(topic)
  }

  /** To be matched together with others. It is not kept here: patterns are many. */
  program(): Program {
    if (last?.key === this.#key) return last.program
    const program = compileProgram(this.#pattern)
    last = { key: this.#key, program }
    return program
  }

  #make(): { readonly automaton: Automaton } {
    const program = this.program()
    const made = { automaton: new Automaton([program]), size: program.size }
    automata.set(this.#key, made)
    return made
  }
}

function shortly(pattern: RegExp): string {
  const text = describePattern(pattern)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
