import { type AST, parseRegExpLiteral, visitRegExpAST } from '@eslint-community/regexpp'
import fc from 'fast-check'

const chars = (text: string) => fc.constantFrom(...Array.from(text))
const words = (text: string) => fc.constantFrom(...text.split(' '))

const plain = fc.string({ unit: chars('aabbckKsS.$_-1 /'), minLength: 1, maxLength: 10 })
/** Line ends, spaces, cases beyond ASCII, halves of pairs, and what the matchers use for marks of their own. */
const odd = fc.string({
  unit: fc.oneof(
    chars('abkS1_ \n\r\u2028\u2029\u00a0\ufeff\u0085\u180e\v'),
    chars('\u212a\u017féÉßẞıİσςΣ\u1e9bǅǆ\u0390\u1fd3\ufb05\ufb06'),
    fc.constantFrom('😀', '\ud83d', '\ude00', '𐐀', '𐐨', '\u{10d83d}', '\u{10000a}', '\0', '\x02', '\x03'),
  ),
  minLength: 1,
  maxLength: 6,
})

/** Topics over the characters that the ways of matching could see differently. */
export const topics = fc.oneof({ weight: 3, arbitrary: plain }, { weight: 2, arbitrary: odd })

const atoms = fc.oneof(
  { weight: 8, arbitrary: words(String.raw`a b c k s S ab \. - _ 1 \$ \/`) },
  { weight: 3, arbitrary: words(String.raw`. \d \w \s \D \W \S [^] []`) },
  { weight: 3, arbitrary: words(String.raw`^ $ \b \B`) },
  { weight: 2, arbitrary: words(String.raw`é É ß ς ǅ İ ı \u212a \u017f \u1e9e \ufb05 \u1fd3`) },
  {
    weight: 2,
    arbitrary: words(
      String.raw`\x6B \cJ \n \r \t \v \0 \x02 \x03 \u2028 \u00a0 \p{Lu} \P{L} \p{Script=Greek}`,
    ),
  },
  { weight: 1, arbitrary: words(String.raw`😀 \ud83d \ude00 \ud83d\ude00 \u{1F600} 𐐀`) },
  {
    weight: 2,
    arbitrary: words(String.raw`[ab] [a-c.] [^a] [^\w] [\W_] [^\s] [\b] [A-Z] [^A-Z] [k] [^k] [^\n] [\d-x]`),
  },
  { weight: 1, arbitrary: words(String.raw`[\u0000-\uffff] [😀] [^😀] [\ud800-\udfff] [^\ud83d] [é-ö]`) },
  {
    weight: 1,
    arbitrary: words(String.raw`[\p{Lu}] [^\p{Lu}] [\P{Lu}] [^\P{Lu}] [\w--[a-c]] [\w&&[^k]] [^[a-z]--k]`),
  },
)

const quantifiers = words('* + ? {0} {1} {2} {0,2} {1,} {2,3} *? +? ?? {1,2}?')

const { source } = fc.letrec<{ source: string; piece: string }>(tie => ({
  source: fc
    .array(fc.array(tie('piece'), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
    .map(branches => branches.map(pieces => pieces.join('')).join('|')),
  piece: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 6, arbitrary: atoms },
    { weight: 2, arbitrary: fc.tuple(atoms, quantifiers).map(parts => parts.join('')) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('source'))
        .map(([open, inner]) => `${open}${inner})`),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom('(', '(?:'), tie('source'), quantifiers)
        .map(([open, inner, times]) => `${open}${inner})${times}`),
    },
  ),
}))

/** Sources that few would write and Annex B lets pass: `a{`, `\k`, `]`, `\1` … */
const soup = fc.string({
  unit: fc.oneof(chars('aabk1.^$|?*+(){}[]\\-,:=<!>'), words(String.raw`\c \x4 \u \1 \k (?: [^ \8 {1, \-`)),
  maxLength: 9,
})

/** What native RegExps can do beyond a host's patterns. */
const around = fc
  .tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!', '(a)\\1(?:', '(?<x>b|k)\\k<x>(?:'), source, source)
  .map(([open, inner, after]) => `${open}${inner})${after}`)

const flags = fc.oneof(
  { weight: 1, arbitrary: fc.constant('') },
  { weight: 4, arbitrary: words('i i m s u u iu im ms mu v iv g y dgimsuy') },
)

function compiled(sources: fc.Arbitrary<string>): fc.Arbitrary<RegExp> {
  return fc
    .tuple(sources, flags)
    .map(([text, flag]) => {
      // V8 gets `[^]` wrong under `v`: in Node 20 /[^]{2}/v matches 'c'.
      if (flag.includes('v')) text = text.replaceAll('[^]', '[\\s\\S]')
      try {
        return new RegExp(text, flag)
      } catch {
        return undefined
      }
    })
    .filter(pattern => pattern !== undefined)
}

/** Patterns that a host may take (it refuses few of them). */
export const hostPatterns = compiled(
  fc.oneof({ weight: 4, arbitrary: source }, { weight: 1, arbitrary: soup }),
)

/** Any pattern that an app can hold. */
export const appPatterns = compiled(
  fc.oneof(
    { weight: 4, arbitrary: source },
    { weight: 1, arbitrary: soup },
    { weight: 2, arbitrary: around },
  ),
)

/**
 * V8 tries `\B` inside a surrogate pair, too, where `u` and `v` say it must not: /\B/u matches 'a😀_'. And with `v` it loses
 * its way back from negated classes: /(?:[^A-Z].|a){2}/v does not match 'aba', where `u` does. By properties `u` may mean
 * another thing (with `i`): so the same pattern with each negated class written as a look-ahead is asked too.
 */
export function nativeIsWrong(pattern: RegExp, topic: string): boolean {
  const { source, flags } = pattern
  if (/[uv]/.test(flags) && source.includes('\\B') && /[\ud800-\udfff]/.test(topic)) return true
  if (!flags.includes('v') || !source.includes('[^')) return false
  const once = flags.replace(/[gy]/g, '')
  const native = new RegExp(source, once).test(topic)
  const judges = [
    compiledOrNot(source, once.replace('v', 'u')),
    compiledOrNot(withoutNegatedClasses(pattern), once),
  ]
  return judges.some(judge => judge?.test(topic) !== native)
}

/** Each `[^…]` that is in no other class as `(?:(?![…])[\s\S])`: by `v` the same characters. */
function withoutNegatedClasses(pattern: RegExp): string {
  const { source } = pattern
  const edits: { start: number; end: number }[] = []
  const note = (node: AST.CharacterClass | AST.ExpressionCharacterClass): void => {
    const isInner = /Class/.test(node.parent.type)
    // The parser counts from the slash before the source.
    if (node.negate && !isInner) edits.push({ start: node.start - 1, end: node.end - 1 })
  }
  visitRegExpAST(parseRegExpLiteral(pattern), {
    onCharacterClassEnter: note,
    onExpressionCharacterClassEnter: note,
  })
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce(
      (text, { start, end }) =>
        `${text.slice(0, start)}(?:(?![${text.slice(start + 2, end)})[\\s\\S])${text.slice(end)}`,
      source,
    )
}

/** undefined if it is written as only `v` allows. */
function compiledOrNot(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(source, flags)
  } catch {
    return undefined
  }
}

/** Topics made of what the pattern is written with, so that it matches more than by luck. */
export function topicsFor(pattern: RegExp): fc.Arbitrary<string> {
  const pieces = pattern.source.match(/[a-zA-Z]{2,}|\\?[^^()[\]{}*+?|]/gu) ?? []
  const units = [...pieces.map(piece => piece.replace(/^\\(?=.)/s, '')), 'a', 'b', 'k', ' ', '\n']
  return fc.oneof(topics, fc.string({ unit: fc.constantFrom(...units), minLength: 1, maxLength: 6 }))
}
