import { expect } from 'chai'
import fc from 'fast-check'
import { FoldedTopic } from '../../../src/broker/patterns/folded-topic.js'
import { END, START, packLiterals, requiredLiterals } from '../../../src/broker/patterns/required-literals.js'
import { nativeMatcher } from '../../../src/message/pattern.js'
import { appPatterns, topicsFor } from '../../support/pattern-arbitraries.js'

/** Readable: ^ and $ for the ends, sets as a|b. */
function shown(pattern: RegExp): string[] {
  return requiredLiterals(pattern).map(set => set.join('|').replaceAll(START, '^').replaceAll(END, '$'))
}

describe('requiredLiterals', () => {
  const cases: [RegExp, string[]][] = [
    [/orders/, ['orders']],
    [/^orders\.(eu|us)\./, ['^orders.eu.|^orders.us.']],
    [/^a$/, ['^a$']],
    [/^^a$$/, ['^a$']],
    [/(^|\.)end$/, ['^end$|.end$']],
    [/ab.*cd/, ['ab', 'cd']],
    [/ab+c/, ['ab', 'bc']],
    [/ab{3}c/, ['abbbc']],
    [/ab{0}c/, ['ac']],
    [/colou?r/, ['color|colour']],
    [/a(?:bc)*d/, []],
    [/(?:ab)+cd/, ['ab', 'cd']],
    [/ab\b(?=x)(?!y)cd/, ['abcd']],
    [/(?<=xyz)ab/, ['ab']],
    [/(ab)\1cd/, ['ab', 'cd']],
    [/x[12]y/, ['x1y|x2y']],
    [/x[^1]yz/, ['yz']],
    [/abc|d/, []],
    [/abc\d|def./, ['abc|def']],
    [/Orders/i, ['orders']],
    [/ORDERS/, ['orders']],
    [/sKé/iu, ['sk']],
    [/^ab/m, ['ab']],
    [new RegExp(String.raw`\x02\x02ab\x03`), ['ab']],
    [/a|\d/, []],
    [new RegExp('[]'), []],
  ]
  for (const [pattern, literals] of cases) {
    it(`${String(pattern)} requires ${literals.join(' and ') || 'nothing'}`, () =>
      expect(shown(pattern)).to.deep.equal(literals))
  }

  it('requires nothing that some match lacks, on generated patterns and topics', function () {
    // Not judged by time: V8 backtracks, and over a pattern drawn by chance now and then for a minute.
    this.timeout(600_000)
    let checked = 0
    const text = new FoldedTopic()
    const cases = appPatterns.chain(pattern =>
      fc.tuple(fc.constant(pattern), fc.array(topicsFor(pattern), { minLength: 40, maxLength: 40 })),
    )
    fc.assert(
      fc.property(cases, ([pattern, candidates]) => {
        const literals = requiredLiterals(pattern)
        if (literals.length === 0) return
        const native = nativeMatcher(pattern)
        for (const topic of candidates) {
          if (!native.test(topic)) continue
          text.read(topic)
          for (const set of literals) {
            if (!text.holds(packLiterals([set]))) {
              throw new Error(
                `${String(pattern)} matches ${JSON.stringify(topic)}, which has none of ${JSON.stringify(set)}`,
              )
            }
            checked++
          }
        }
      }),
      { numRuns: 12_000 },
    )
    expect(checked).to.be.greaterThan(800)
  })

  it('survives what nests deeply or is very long', () => {
    expect(requiredLiterals(new RegExp(`${'(?:'.repeat(1_300)}a`.padEnd(5_200 + 1, ')')))).to.deep.equal([])
    expect(requiredLiterals(new RegExp('ab'.repeat(5_000)))).to.deep.equal([])
    expect(requiredLiterals(new RegExp(`${'((a|b)'.repeat(300)}${')'.repeat(300)}`))).to.be.an('array')
  })
})
