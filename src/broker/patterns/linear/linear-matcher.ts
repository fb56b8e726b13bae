import { LRUCache } from 'lru-cache'
import { RE2JS } from 're2js'
import { InvalidPatternError } from '../../../errors.js'
import { type Matcher, describePattern, patternKey } from '../../../message/pattern.js'
import { type LinearPattern, encodeTopic, translate } from './linear-syntax.js'

interface Program {
  readonly pattern: LinearPattern
  readonly compiled: RE2JS
}

/** Instructions that all compiled programs of this process take together; beyond it the least used are compiled again at need. */
const MAX_INSTRUCTIONS = 2_000_000
/** re2js lets a pattern's automaton grow to 8 MiB of states; past this it starts over, past sense it goes without. */
const AUTOMATON_BYTES = 256 * 1024

const programs = new LRUCache<string, Program>({
  maxSize: MAX_INSTRUCTIONS,
  sizeCalculation: program => program.compiled.programSize() + 50,
})

/**
 * Matches as the RegExp itself does, in time linear in the topic: for patterns that came over a link. Equal patterns share
 * one program, compiled when the first topic comes to it; a pattern that cannot be is refused here and now.
 * @throws InvalidPatternError saying why
 */
export function linearMatcher(pattern: RegExp): Matcher {
  try {
    // What translate lets through, re2js compiles: it is written anew, within bounds tighter than re2js's own.
    translate(pattern)
  } catch (error) {
    if (!(error instanceof InvalidPatternError)) throw error
    throw new InvalidPatternError(`${shortly(pattern)} is no pattern for a host: ${error.message}`, {
      cause: error.cause,
    })
  }
  return new LinearMatcher(pattern)
}

class LinearMatcher implements Matcher {
  readonly #pattern: RegExp
  readonly #key: string

  constructor(pattern: RegExp) {
    this.#pattern = pattern
    this.#key = patternKey(pattern)
  }

  test(topic: string): boolean {
    const { pattern, compiled } = programs.get(this.#key) ?? this.#compile()
    return compiled.test(pattern.units || pattern.lines ? encodeTopic(topic, pattern) : topic)
  }

  #compile(): Program {
    const pattern = translate(this.#pattern)
    const compiled = RE2JS.compile(pattern.source)
    const { dfa } = compiled.re2()
    dfa.stateBudget = dfa.memBudget = AUTOMATON_BYTES
    const program = { pattern, compiled }
    programs.set(this.#key, program)
    return program
  }
}

function shortly(pattern: RegExp): string {
  const text = describePattern(pattern)
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}
