import { type AST, RegExpParser } from '@eslint-community/regexpp'

const options = { ecmaVersion: 2025 } as const

/** Several callers ask for the same tree, one right after the other. */
let last: { readonly pattern: RegExp; readonly tree: AST.Pattern } | undefined

/** The syntax tree of a RegExp. Throws if the parser does not know the syntax, or the pattern nests too deeply. */
export function parsePattern(pattern: RegExp): AST.Pattern {
  if (last?.pattern === pattern) return last.tree
  const { source, flags } = pattern
  // Each gets a parser of its own: the Sets of a reused one, cleared each time, hold on to all their former members
  // until the next full garbage collection.
  const tree = new RegExpParser(options).parsePattern(source, 0, source.length, {
    unicode: flags.includes('u'),
    unicodeSets: flags.includes('v'),
  })
  last = { pattern, tree }
  return tree
}
