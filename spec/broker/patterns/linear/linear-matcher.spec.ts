import { expect } from 'chai'
import fc from 'fast-check'
import { linearMatcher } from '../../../../src/broker/patterns/linear/linear-matcher.js'
import { InvalidPatternError } from '../../../../src/errors.js'
import { type Matcher, nativeMatcher } from '../../../../src/message/pattern.js'
import { hostPatterns, nativeIsWrong, topics } from '../../../support/pattern-arbitraries.js'

function linearOrRefused(pattern: RegExp): Matcher | undefined {
  try {
    return linearMatcher(pattern)
  } catch (error) {
    expect(error).to.be.instanceOf(InvalidPatternError)
    return undefined
  }
}

describe('linearMatcher', () => {
  it('matches as the native RegExp does, on generated patterns and topics', function () {
    // Not judged by time: V8 backtracks, and over a pattern drawn by chance now and then for a minute.
    this.timeout(600_000)
    let compared = 0
    let matched = 0
    let refused = 0
    fc.assert(
      fc.property(hostPatterns, fc.array(topics, { minLength: 60, maxLength: 60 }), (pattern, candidates) => {
        const linear = linearOrRefused(pattern)
        if (linear === undefined) {
          refused++
          return
        }
        const native = nativeMatcher(pattern)
        for (const topic of candidates) {
          if (nativeIsWrong(pattern, topic)) continue
          const expected = native.test(topic)
          if (linear.test(topic) !== expected) {
            throw new Error(`${String(pattern)} on ${JSON.stringify(topic)}: native says ${expected}`)
          }
          compared++
          if (expected) matched++
        }
      }),
      { numRuns: 4_000 },
    )
    expect(compared).to.be.greaterThan(200_000)
    expect(matched).to.be.within(compared * 0.1, compared * 0.9)
    expect(refused).to.be.lessThan(400)
  })

  it('matches every character as the native RegExp does', function () {
    // Not judged by time: V8 backtracks, and over a pattern drawn by chance now and then for a minute.
    this.timeout(600_000)
    const classes = [
      '\\w',
      '\\W',
      '\\s',
      '\\S',
      '\\d',
      '.',
      '[^k]',
      '[a-zé]',
      'k',
      's',
      'ß',
      'ı',
      'σ',
      'İ',
      'Å',
    ]
    for (const source of classes) {
      for (const flags of ['', 'i', 'u', 'iu', 's']) {
        const pattern = new RegExp(`^${source}$`, flags)
        const linear = linearMatcher(pattern)
        for (let char = 0; char <= 0x10fff; char += char < 0x2200 || char > 0xfa00 ? 1 : 17) {
          const topic = String.fromCodePoint(char)
          if (linear.test(topic) !== pattern.test(topic))
            expect.fail(`${String(pattern)} on U+${char.toString(16)}`)
        }
      }
    }
  })

  it('ignores g and y, and keeps no position', () => {
    for (const pattern of [/a/g, /a/y, /a/gy, /a/d]) {
      const matcher = linearMatcher(pattern)
      expect([1, 2, 3, 4].map(() => matcher.test('xa'))).to.deep.equal([true, true, true, true])
      expect(pattern.lastIndex).to.equal(0)
    }
  })

  it('knows all four line ends of m, and none without it', () => {
    for (const end of ['\n', '\r', '\u2028', '\u2029']) {
      expect(linearMatcher(/^b$/m).test(`a${end}b${end}c`), JSON.stringify(end)).to.be.true
      expect(linearMatcher(/a[^x]b$/m).test(`a${end}b${end}c`), JSON.stringify(end)).to.be.true
      expect(linearMatcher(/^b$/).test(`a${end}b${end}c`), JSON.stringify(end)).to.be.false
      expect(linearMatcher(/b$/).test(`b${end}`), JSON.stringify(end)).to.be.false
    }
  })

  describe('refuses, saying why', () => {
    const cases: [string, string, string, RegExp][] = [
      ['look-ahead', 'a(?=b)', '', /Look-around, as in \(\?=b\)/],
      ['look-ahead that repeats no times', '(?:(?!b)){0}', '', /Look-around/],
      ['look-behind', '(?<!a)b', '', /Look-around/],
      ['a back-reference', '(a)\\1', '', /back-reference \\1/],
      ['a named back-reference', '(?<n>a)\\k<n>', '', /back-reference \\k<n>/],
      ['512 bytes and one more', 'a'.repeat(513), '', /512 UTF-8 bytes/],
      ['512 bytes as UTF-8 counts', 'é'.repeat(257), '', /512 UTF-8 bytes/],
      ['a large repeat', 'a{1001}', '', /repeats up to 1001/],
      ['a large range of repeats', 'a{1,9999999999}', '', /repeats up to/],
      ['repeats in repeats', '(?:(?:a{20}){20}){20}', '', /repeats up to 8000/],
      ['open repeats in repeats', '(?:(?:a{20,}){20,}){20,}', '', /repeats up to 8000/],
      ['a large program', '(?:[ab]cd){400}', '', /more than 1000 instructions/],
      ['large classes in repeats', '\\p{L}{200}', 'u', /more than 1000 instructions/],
      ['a word boundary under iu', '\\ba', 'iu', /flags i and u/],
      ['strings in a class', '[\\q{ab}]', 'v', /\\q/],
      ['properties of strings', '\\p{RGI_Emoji}', 'v', /strings/],
    ]
    for (const [name, source, flags, why] of cases) {
      it(name, () => {
        const pattern = new RegExp(source, flags)
        expect(() => linearMatcher(pattern)).to.throw(InvalidPatternError, why)
      })
    }

    it('a pattern just within a limit is accepted', () => {
      expect(linearMatcher(new RegExp('a'.repeat(512))).test('a'.repeat(600))).to.be.true
      expect(linearMatcher(/^a{900}$/).test('a'.repeat(900))).to.be.true
      expect(linearMatcher(/^(?:a{10}){10}b/).test(`${'a'.repeat(100)}b`)).to.be.true
      expect(linearMatcher(/^\p{L}{10}$/u).test('абвгдежзий')).to.be.true
    })

    it('a pattern nested as deep as 512 bytes allow is refused or accepted', () => {
      for (const source of [
        `${'('.repeat(256)}${')'.repeat(256)}`,
        `${'('.repeat(170)}a${')*'.repeat(170)}`,
      ]) {
        expect(linearMatcher(new RegExp(source)).test('a')).to.be.true
      }
    })
  })

  it('takes no exponential time', function () {
    this.timeout(10_000)
    const topic = `${'a'.repeat(1000)}!`
    for (const pattern of [/^(a+)+$/, /^(a|a)*$/, /^(a|aa)+$/, /(x+x+)+y/, /^(?:a?){300}a{300}$/]) {
      expect(linearMatcher(pattern).test(topic), String(pattern)).to.be.false
    }
  })
})
