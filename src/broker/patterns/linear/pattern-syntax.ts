import { type AST, RegExpParser } from '@eslint-community/regexpp'

const options = { ecmaVersion: 2025 } as const

/** Several ask for the same tree, one right after the other. */
let last: { readonly pattern: RegExp; readonly tree: AST.Pattern } | undefined

/** The syntax tree of a RegExp. Throws where the parser does not know the syntax, or it nests too deeply. */
export function parsePattern(pattern: RegExp): AST.Pattern {
  if (last?.pattern === pattern) return last.tree
  const { source, flags } = pattern
  // A parser of its own for each: the Sets of one that is used again, cleared each time, hold on to all that they ever were
  // until the next great garbage collection.
  const tree = new RegExpParser(options).parsePattern(source, 0, source.length, {
    unicode: flags.includes('u'),
    unicodeSets: flags.includes('v'),
  })
  last = { pattern, tree }
  return tree
}
