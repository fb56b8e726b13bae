import { expect } from 'chai'
import fc from 'fast-check'
import { linearMatcher } from '../../../../src/broker/patterns/linear/linear-matcher.js'

const read = (pattern: RegExp, topic: string): string | undefined => linearMatcher(pattern).group('k')(topic)

/** Pieces of patterns, of which some have the group. No piece that may be empty repeats: see the docs of the class. */
const piece = fc.letrec<{ any: string; many: string; one: string }>(tie => ({
  one: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\.', '\\w'),
    tie('many').map(inner => `(?:${inner})`),
    fc.tuple(tie('many'), tie('many')).map(([a, b]) => `(?:${a}|${b})`),
  ),
  any: fc.oneof(
    { maxDepth: 3 },
    tie('one'),
    fc
      .tuple(tie('one'), fc.constantFrom('?', '*', '+', '??', '*?', '+?', '{2}', '{1,3}', '{1,2}?'))
      .map(([one, times]) => one + times),
  ),
  many: fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map(all => `a${all.join('')}`),
}))

describe('the group of a linear pattern', () => {
  it('is the one that the RegExp finds', () => {
    const cases: [RegExp, string][] = [
      [/^orders\.(?<k>\w+)\./, 'orders.eu.created'],
      [/^orders\.(?<k>.+)\./, 'orders.eu.created.late'],
      [/^orders\.(?<k>.+?)\./, 'orders.eu.created.late'],
      [/(?<k>a+)/, 'bbaaab'],
      [/(?<k>a)|b(?<other>c)/, 'xbc'],
      [/^(?:(?<k>a)|b)+$/, 'aab'],
      [/^(?:b|(?<k>a))+$/, 'aba'],
      [/(?<k>^b)|a/m, 'a\nb'],
      [/\b(?<k>\w+)$/, 'one two'],
      [/(?<k>.)$/u, 'a\u{1f600}'],
      [/(?<k>x)?y/i, 'XY'],
      [/(?<k>nothing)/, 'else'],
    ]
    for (const [pattern, topic] of cases)
      expect(read(pattern, topic), `${pattern} ${topic}`).to.equal(pattern.exec(topic)?.groups?.['k'])
  })

  it('is the one that any RegExp finds', () => {
    fc.assert(
      fc.property(
        piece.any,
        piece.many,
        piece.any,
        fc.constantFrom('', 'i', 's', 'u', 'm'),
        fc.constantFrom('', '^'),
        fc.stringMatching(/^[ab.]{0,12}$/),
        (before, group, after, flags, start, topic) => {
          const pattern = new RegExp(`${start}${before}(?<k>${group})${after}`, flags)
          fc.pre(pattern.source.length < 100)
          expect(read(pattern, topic)).to.equal(pattern.exec(topic)?.groups?.['k'])
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('takes time linear in the topic where a RegExp would take for ever', () => {
    expect(read(/^(?:a+)+(?<k>b)$/, 'a'.repeat(1_000))).to.equal(undefined)
    expect(read(/^(?:a|a)*(?<k>b)$/, `${'a'.repeat(999)}b`)).to.equal('b')
  })
})
