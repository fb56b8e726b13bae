import { expect } from 'chai'
import { Timers } from '../../../src/broker/clock/timers.js'
import type { PrincipalLimits } from '../../../src/host/limits/definition.js'
import { PublishRate } from '../../../src/host/limits/publish-rate.js'
import { Refused } from '../../../src/host/limits/refused.js'
import { VirtualTime } from '../../support/virtual-time.js'

describe('the rate of the publishes of a principal', () => {
  const setUp = (limits: PrincipalLimits) => {
    const time = new VirtualTime()
    const logged: string[] = []
    const refused = new Refused('ada', text => logged.push(text))
    const rate = PublishRate.of(limits, new Timers(time), refused)
    if (rate === undefined) throw new Error('no rate')
    return { time, logged, refused, rate }
  }
  /** Publishes so many, and returns how many of them are refused. */
  const publish = (rate: PublishRate, count: number, bytes = 1): number =>
    Array.from({ length: count }, () => rate.take(bytes)).filter(each => each !== undefined).length
  const turn = () => new Promise<void>(resolve => setImmediate(resolve))

  it('is without a limit none at all', () => {
    const refused = new Refused('ada', () => undefined)
    const timers = new Timers(new VirtualTime())
    expect(PublishRate.of(undefined, timers, refused)).to.equal(undefined)
    expect(PublishRate.of({ names: 1, over: 'wait' }, timers, refused)).to.equal(undefined)
  })

  it('has room for a second at once, and waits exactly as long as the rest takes', async () => {
    const { time, rate } = setUp({ publishes: 100, over: 'wait' })
    expect(publish(rate, 100)).to.equal(0)
    expect(rate.room()).to.equal(undefined)
    expect(publish(rate, 50)).to.equal(0)
    let isOver = false
    void rate.room()?.then(() => (isOver = true))
    time.advance(499)
    await turn()
    expect(isOver).to.equal(false)
    time.advance(1)
    await turn()
    expect(isOver).to.equal(true)
    expect(rate.room()).to.equal(undefined)
    // A quiet minute gives no more than a second's worth.
    time.advance(60_000)
    publish(rate, 100)
    expect(rate.room()).to.equal(undefined)
    publish(rate, 1)
    expect(rate.room()).not.to.equal(undefined)
  })

  it('refuses those of one who does not wait, when ten seconds of them are owed', () => {
    const { rate, refused, logged } = setUp({ publishes: 10, over: 'wait' })
    expect(publish(rate, 200)).to.equal(200 - 10 - 101)
    expect(refused.counts).to.deep.equal({ publishes: 89 })
    expect(logged).to.deep.equal(['refused: ada is over its limit "publishes"'])
  })

  it('counts bytes, of which one message may have more than a second', () => {
    const { time, rate } = setUp({ bytes: 1_000, over: 'refuse' })
    expect(publish(rate, 1, 3_000)).to.equal(0)
    time.advance(2_000)
    expect(rate.take(1)).to.include({ code: 'MSGVAN_LIMIT' })
    time.advance(1)
    expect(publish(rate, 1)).to.equal(0)
  })

  it('refuses beyond it by choice, says which limit, and takes again when there is room', () => {
    const { time, rate, refused } = setUp({ publishes: 10, bytes: 1_000_000, over: 'refuse' })
    expect(publish(rate, 15)).to.equal(5)
    expect(rate.take(1)?.message).to.match(
      /ada is over its limit "publishes".*more than 10 publishes a second.*later/,
    )
    time.advance(300)
    expect(publish(rate, 5)).to.equal(2)
    expect(refused.counts).to.deep.equal({ publishes: 8 })
    expect(rate.room()).to.equal(undefined)
  })
})
