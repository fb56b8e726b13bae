import { expect } from 'chai'
import { checkRetryDelay, retryDelayAfter, type RetryDelay } from '../../src/message/retry-delay.js'

describe('a retry delay', () => {
  const delays = (rule: RetryDelay): number[] =>
    [1, 2, 3, 4].map(attempt => retryDelayAfter(rule, 'why', attempt))

  it('is a number for all, a list with its last repeated, or what a function gives', () => {
    expect(delays(7)).to.deep.equal([7, 7, 7, 7])
    expect(delays([1, 10, 100])).to.deep.equal([1, 10, 100, 100])
    expect(delays((error, attempt) => (error === 'why' ? attempt * 2 : 0))).to.deep.equal([2, 4, 6, 8])
  })

  it('of a function that throws, or gives no duration, neither loses the message nor makes a tight loop of a throw', () => {
    const throwing = () => {
      throw new Error('no')
    }
    expect(delays(throwing)).to.deep.equal([1_000, 1_000, 1_000, 1_000])
    expect(delays(() => -5)).to.deep.equal([0, 0, 0, 0])
    expect(delays(() => NaN)).to.deep.equal([0, 0, 0, 0])
    expect(delays(() => Infinity)[0]).to.equal(Number.MAX_SAFE_INTEGER)
  })

  for (const wrong of [-1, NaN, '5', null, [], [1, -1], [1, 'x'], new Array(1_001).fill(1), {}]) {
    it(`refuses ${JSON.stringify(wrong).slice(0, 30)}`, () => {
      expect(() => checkRetryDelay('delay', wrong)).to.throw(
        /^delay is milliseconds, 0 or more; a list of 1 to 1000/,
      )
    })
  }
})
