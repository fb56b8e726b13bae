import { expect } from 'chai'
import type { MsgvanError } from '../../src/errors.js'
import { backoff } from '../../src/index.js'
import { checkRetryDelay, retryDelayAfter, type RetryDelay } from '../../src/message/retry-delay.js'
import { unhandledIn } from '../support/unhandled.js'

describe('a retry delay', () => {
  const mistakes: MsgvanError[] = []
  const delays = (rule: RetryDelay): number[] =>
    [1, 2, 3, 4].map(attempt => retryDelayAfter(rule, 'why', attempt, mistake => mistakes.push(mistake)))

  afterEach(() => mistakes.splice(0))

  it('is a number for all, a list with its last repeated, or what a function gives', () => {
    expect(delays(7)).to.deep.equal([7, 7, 7, 7])
    expect(delays([1, 10, 100])).to.deep.equal([1, 10, 100, 100])
    expect(delays((error, attempt) => (error === 'why' ? attempt * 2 : 0))).to.deep.equal([2, 4, 6, 8])
  })

  const throwing = (): number => {
    throw new Error('no')
  }
  for (const [what, wrong] of Object.entries<() => unknown>({
    throws: throwing,
    'gives NaN': () => NaN,
    'gives -1': () => -1,
    'gives Infinity': () => Infinity,
    'gives a text': () => '5',
    'gives nothing': () => undefined,
    'gives a promise': () => Promise.resolve(5),
  })) {
    it(`is the default if a function ${what}, and the mistake is reported each time`, () => {
      const [first = 0, second = 0, third = 0] = delays(wrong as () => number)
      expect(first).to.be.within(50, 100)
      expect(second).to.be.within(100, 200)
      expect(third).to.be.within(200, 400)
      expect(mistakes.map(({ code }) => code)).to.deep.equal(new Array(4).fill('MSGVAN_INVALID_OPTION'))
      expect(mistakes[0]?.message).to.match(/^The delay function of a subscription (threw: Error: no|gave )/)
    })
  }

  const refused = (): Promise<number> => Promise.reject(new Error('no'))
  for (const [what, wrong] of Object.entries<() => unknown>({
    'a function gives': refused,
    'the random of backoff() gives': backoff({ random: refused as never }) as () => unknown,
  })) {
    it(`is the default if ${what} a promise that is rejected, and the process lives on`, async () => {
      const unhandled = await unhandledIn(() => {
        expect(delays(wrong as () => number)[0]).to.be.within(50, 100)
        return Promise.resolve()
      })
      expect(unhandled).to.deep.equal([])
      expect(mistakes).to.have.lengthOf(4)
    })
  }

  it('is the result of a function that gives 0 or more, and nothing is reported', () => {
    expect(delays(() => 0)).to.deep.equal([0, 0, 0, 0])
    expect(mistakes).to.deep.equal([])
  })

  for (const wrong of [
    -1,
    NaN,
    Infinity,
    [1, Infinity],
    '5',
    null,
    [],
    [1, -1],
    [1, 'x'],
    new Array(1_001).fill(1),
    {},
  ]) {
    it(`refuses ${JSON.stringify(wrong).slice(0, 30)}`, () => {
      expect(() => checkRetryDelay('delay', wrong)).to.throw(
        /^delay is milliseconds, 0 or more; a list of 1 to 1000/,
      )
    })
  }
})
