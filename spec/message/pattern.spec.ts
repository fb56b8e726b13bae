import { expect } from 'chai'
import vm from 'node:vm'
import { InvalidPatternError } from '../../src/errors.js'
import {
  checkPattern,
  describePattern,
  nativeMatcher,
  reachesSystemTopics,
  samePattern,
  withoutPosition,
} from '../../src/message/pattern.js'

describe('checkPattern', () => {
  it('takes a RegExp, of another realm too, and any exact topic, the system’s too', () => {
    for (const pattern of [
      /a/,
      /a/gy,
      vm.runInNewContext('/a/') as RegExp,
      'a',
      '$dead/workers',
      'é'.repeat(512),
    ]) {
      expect(() => checkPattern(pattern)).not.to.throw()
    }
  })

  it('refuses everything else', () => {
    for (const pattern of [undefined, null, 7, {}, [], () => true, '', 'a'.repeat(1025), 'é'.repeat(513)]) {
      expect(() => checkPattern(pattern)).to.throw(InvalidPatternError)
    }
    expect(() => checkPattern('')).to.throw(/exact topic.*empty/)
  })
})

describe('describePattern', () => {
  it('writes it as one would', () => {
    expect(describePattern(/a\/b/gi)).to.equal('/a\\/b/gi')
    expect(describePattern('a.b')).to.equal('a.b')
  })
})

describe('samePattern', () => {
  it('compares what matters to matching', () => {
    expect(samePattern(/a/g, /a/y)).to.be.true
    expect(samePattern(/a/i, /a/gi)).to.be.true
    expect(samePattern('a', 'a')).to.be.true
    expect(samePattern(/a/, /a/i)).to.be.false
    expect(samePattern(/a/, /b/)).to.be.false
    expect(samePattern(/a/, 'a')).to.be.false
    expect(samePattern('/a/', /a/)).to.be.false
  })
})

describe('withoutPosition', () => {
  it('takes g and y away, and nothing else', () => {
    const bare = withoutPosition(/a/dgimsuy)
    expect(bare.source).to.equal('a')
    expect(bare.flags).to.equal('dimsu')
  })

  it('gives the same object where there is nothing to take away', () => {
    const pattern = /a/i
    expect(withoutPosition(pattern)).to.equal(pattern)
  })
})

describe('reachesSystemTopics', () => {
  it('asks for ^\\$ at the very beginning', () => {
    for (const pattern of [/^\$/, /^\$dead\//, /^\$|a/m])
      expect(reachesSystemTopics(pattern), String(pattern)).to.be.true
    for (const pattern of [/./, /\$/, /^[$]/, /^(?:\$dead)/, /^\x24/, /a|^\$/]) {
      expect(reachesSystemTopics(pattern), String(pattern)).to.be.false
    }
  })
})

describe('nativeMatcher', () => {
  it('ignores g and y, keeps no position, and leaves the app’s RegExp alone', () => {
    for (const pattern of [/a/g, /a/y, /a/gy]) {
      pattern.lastIndex = 3
      const matcher = nativeMatcher(pattern)
      expect([1, 2, 3, 4].map(() => matcher.test('ba'))).to.deep.equal([true, true, true, true])
      expect(pattern.lastIndex).to.equal(3)
    }
  })

  it('takes whatever the app’s RegExp can do', () => {
    expect(nativeMatcher(/^(?<w>a+)-\k<w>(?<!b)$/).test('aa-aa')).to.be.true
  })

  it('refuses at once what the engine would refuse at the first match', () => {
    const pattern = new RegExp('(?:ab){1,2}'.repeat(40_000))
    expect(() => nativeMatcher(pattern)).to.throw(InvalidPatternError, /cannot be compiled/)
  })
})
