import { expect } from 'chai'
import { linearMatcher } from '../../src/broker/patterns/linear/linear-matcher.js'
import { wanting } from '../../src/broker/wanting.js'

describe('the patterns that a log is read for', () => {
  it('are matched once for each topic, however many messages it has', () => {
    let asked = 0
    const wants = wanting(/^t\d*[02468]$/, pattern => {
      const matcher = linearMatcher(pattern)
      return { test: topic => ((asked += 1), matcher.test(topic)) }
    })
    for (let round = 0; round < 3; round += 1)
      for (let i = 0; i < 100; i += 1) expect(wants(`t${i}`)).to.equal(i % 2 === 0)
    expect(asked).to.equal(100)
    for (let i = 0; i < 25_000; i += 1) expect(wants(`t${i}`)).to.equal(i % 2 === 0)
  })

  it('need no compiled pattern for one exact topic', () => {
    const wants = wanting('t', () => expect.fail('compiled'))
    expect([wants('t'), wants('tt')]).to.deep.equal([true, false])
  })
})
