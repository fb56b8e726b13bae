import { type AST, RegExpParser } from '@eslint-community/regexpp'

const parser = new RegExpParser({ ecmaVersion: 2025 })

/** The syntax tree of a RegExp. Throws where the parser does not know the syntax, or it nests too deeply. */
export function parsePattern(pattern: RegExp): AST.Pattern {
  const { source, flags } = pattern
  return parser.parsePattern(source, 0, source.length, {
    unicode: flags.includes('u'),
    unicodeSets: flags.includes('v'),
  })
}
