import { type AST } from '@eslint-community/regexpp'
import { parsePattern } from './linear/pattern-syntax.js'

/** The least and the greatest length of a matching topic, in UTF-16 units. */
export interface Lengths {
  readonly min: number
  readonly max: number
}

const any: Lengths = { min: 0, max: Infinity }
const none: Lengths = { min: 0, max: 0 }

/** Conservative: syntax that it does not understand may have any length. For patterns without literals. */
export function topicLengths(pattern: RegExp): Lengths {
  try {
    const { alternatives } = parsePattern(pattern)
    const { min, max } = ofAlternatives(alternatives, pattern.flags)
    const isWhole = !pattern.flags.includes('m') && alternatives.every(spansTopic)
    return { min, max: isWhole ? max : Infinity }
  } catch {
    return any // newer syntax than the parser's, or nested too deeply for it
  }
}

function spansTopic({ elements }: AST.Alternative): boolean {
  const [first, last] = [elements[0], elements.at(-1)]
  return (
    first?.type === 'Assertion' && first.kind === 'start' && last?.type === 'Assertion' && last.kind === 'end'
  )
}

function ofAlternatives(alternatives: readonly AST.Alternative[], flags: string): Lengths {
  const each = alternatives.map(({ elements }) => {
    const lengths = elements.map(element => ofElement(element, flags))
    return lengths.reduce((sum, { min, max }) => ({ min: sum.min + min, max: sum.max + max }), none)
  })
  return { min: Math.min(...each.map(({ min }) => min)), max: Math.max(...each.map(({ max }) => max)) }
}

function ofElement(node: AST.Element, flags: string): Lengths {
  switch (node.type) {
    case 'Assertion':
      return none
    case 'Group':
    case 'CapturingGroup':
      return ofAlternatives(node.alternatives, flags)
    case 'Quantifier': {
      const { min, max } = ofElement(node.element, flags)
      return { min: min * node.min, max: max === 0 || node.max === 0 ? 0 : max * node.max }
    }
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      // With `v` some stand for texts of several characters, or of none; with `u` a character may be a pair.
      if (flags.includes('v')) return any
      return { min: 1, max: flags.includes('u') ? 2 : 1 }
    default:
      return any
  }
}
