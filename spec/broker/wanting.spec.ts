import { expect } from 'chai'
import { MatchInLog } from '../../src/broker/durable/match-in-log.js'
import { toRequest } from '../../src/bus/contract/options.js'
import { linearMatcher } from '../../src/broker/patterns/linear/linear-matcher.js'
import { noHeaders } from '../../src/message/envelope.js'
import { wantingOf } from '../../src/broker/wanting.js'

describe('the patterns that a log is read for', () => {
  it('are matched once for each topic, however many messages it has', () => {
    let asked = 0
    const wants = wantingOf({ pattern: /^t\d*[02468]$/ }, pattern => {
      const matcher = linearMatcher(pattern)
      return { test: topic => ((asked += 1), matcher.test(topic)) }
    })
    for (let round = 0; round < 3; round += 1)
      for (let i = 0; i < 100; i += 1) expect(wants(`t${i}`, noHeaders, i)).to.equal(i % 2 === 0)
    expect(asked).to.equal(100)
    for (let i = 0; i < 25_000; i += 1) expect(wants(`t${i}`, noHeaders, i)).to.equal(i % 2 === 0)
  })

  it('need no compiled pattern for one exact topic', () => {
    const wants = wantingOf({ pattern: 't' }, () => expect.fail('compiled'))
    expect([wants('t', noHeaders, 1), wants('tt', noHeaders, 2)]).to.deep.equal([true, false])
  })

  it('are with the headers that the subscription wanted when the message came', () => {
    const of = (tenant: string) => ({ headers: { tenant } })
    const match = new MatchInLog({ match: of('a') })
    const wants = wantingOf({ pattern: 't' }, () => expect.fail('compiled'), match)
    const request = { ...toRequest('t', {}), match: of('b') }
    const renewed = match.renew(request, () => 10, 4)
    expect(renewed.earlierMatches).to.deep.equal([{ before: 10, match: of('a') }])
    const chosen = (tenant: string) => [5, 9, 10, 11].filter(at => wants('t', { tenant }, at))
    expect(chosen('a')).to.deep.equal([5, 9])
    expect(chosen('b')).to.deep.equal([10, 11])
    // Another host goes on with the same.
    const restored = wantingOf(renewed, () => expect.fail('compiled'))
    expect([restored('t', { tenant: 'a' }, 9), restored('t', { tenant: 'a' }, 10)]).to.deep.equal([
      true,
      false,
    ])
    // Nothing from before the change waits any more.
    expect(match.renew({ ...request, attempts: 2 }, () => 20, 9).earlierMatches).to.equal(undefined)
    const every = match.renew({ ...request, match: undefined }, () => 20, 9)
    expect(every.earlierMatches).to.deep.equal([{ before: 20, match: of('b') }])
    expect(wants('t', noHeaders, 20)).to.equal(true)
  })
})
