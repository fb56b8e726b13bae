import { expect } from 'chai'
import fc from 'fast-check'
import { backoff, InvalidOptionError } from '../../src/index.js'
import { thrown, upTo } from '../support/messages.js'

describe('backoff', () => {
  it('doubles from `initial` up to `max`', () => {
    const delay = backoff({ initial: 100, max: 1_000, jitter: 0 })
    expect(upTo(6).map(attempt => delay(undefined, attempt))).to.deep.equal([
      100, 200, 400, 800, 1_000, 1_000,
    ])
  })

  it('grows by `factor`', () => {
    const delay = backoff({ initial: 1, factor: 10, jitter: 0 })
    expect(upTo(4).map(attempt => delay(undefined, attempt))).to.deep.equal([1, 10, 100, 1_000])
  })

  it('leaves as much to chance as `jitter` says', () => {
    for (const [jitter, least] of [
      [1, 0],
      [0.5, 500],
      [0, 1_000],
    ] as const) {
      // prettier-ignore
      expect(backoff({ initial: 1_000, jitter, random: () => 0 })(undefined, 1)).to.equal(1_000)
      expect(backoff({ initial: 1_000, jitter, random: () => 1 })(undefined, 1)).to.equal(least)
    }
  })

  it('gives whole milliseconds from 0 to `max`, whatever the attempt', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.nat(1e6),
        fc.nat(1e6),
        fc.double({ min: 1, max: 50, noNaN: true }),
        (attempt, initial, max, factor) => {
          const delay = backoff({ initial, max, factor })(undefined, attempt)
          expect(Number.isInteger(delay)).to.equal(true)
          expect(delay).to.be.within(0, max)
        },
      ),
    )
  })

  it('refuses what makes no sense', () => {
    for (const config of [
      { initial: -1 },
      { max: -1 },
      { factor: 0.5 },
      { jitter: 2 },
      { jitter: -0.1 },
      { initial: NaN },
    ]) {
      expect(thrown(() => backoff(config))).to.be.instanceOf(InvalidOptionError)
    }
  })
})
