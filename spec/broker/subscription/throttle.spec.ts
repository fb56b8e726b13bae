import { expect } from 'chai'
import { VirtualTimeScheduler } from 'rxjs'
import { Timers } from '../../../src/broker/clock/timers.js'
import { limitAs, Throttle, type Start } from '../../../src/broker/subscription/throttle.js'

/** Numbers from 0 up to 1, the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('a throttle', () => {
  function make(): { throttle: Throttle; scheduler: VirtualTimeScheduler; timers: Timers; woken: number[] } {
    const scheduler = new VirtualTimeScheduler()
    const timers = new Timers(scheduler)
    const woken: number[] = []
    const clock = { after: timers.after.bind(timers), elapsed: () => scheduler.now() }
    return { throttle: new Throttle(clock, () => woken.push(scheduler.now())), scheduler, timers, woken }
  }

  it('never lets more begin than the rate in any window, whenever they begin, and leaves no room unused', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = randomOf(seed)
      const { throttle, scheduler, timers } = make()
      const rate = { messages: 1 + Math.floor(random() * 5), per: 10 + Math.floor(random() * 90) }
      throttle.limit(rate, undefined)
      const begins: number[] = []
      const open: Start[] = []
      for (let at = 0; at < 1_000; at += Math.ceil(random() * 20))
        timers.after(at, () => {
          while (open.length > 0 && random() < 0.5) {
            const start = open.shift()
            if (random() < 0.2) start?.cancel()
            else {
              start?.begin()
              begins.push(scheduler.now())
            }
          }
          const now = scheduler.now()
          const within = begins.filter(time => time > now - rate.per).length + open.length
          expect(throttle.allows(0), `seed ${seed}`).to.equal(within < rate.messages)
          if (within < rate.messages) open.push(throttle.start())
        })
      scheduler.flush()
      for (const from of begins)
        expect(
          begins.filter(time => time >= from && time < from + rate.per).length,
          `seed ${seed}`,
        ).to.be.at.most(rate.messages)
    }
  })

  it('wakes its subscription when there is room again, once, and has no timer without need', () => {
    const { throttle, scheduler, timers, woken } = make()
    throttle.limit({ messages: 1, per: 100 }, undefined)
    expect(throttle.allows(0)).to.equal(true)
    const first = throttle.start()
    expect(throttle.allows(0)).to.equal(false)
    expect(timers.size).to.equal(0)
    first.begin()
    first.begin()
    first.cancel()
    expect(woken).to.deep.equal([0])
    expect(throttle.allows(0)).to.equal(false)
    expect(throttle.allows(0)).to.equal(false)
    expect(timers.size).to.equal(1)
    scheduler.flush()
    expect(woken).to.deep.equal([0, 100])
    expect(throttle.allows(0)).to.equal(true)
  })

  it('limits what is in hand, and both at once', () => {
    const { throttle } = make()
    throttle.limit(undefined, 2)
    expect([0, 1, 2, 3].map(inFlight => throttle.allows(inFlight))).to.deep.equal([true, true, false, false])
    throttle.limit({ messages: 1, per: 10 }, 2)
    throttle.start()
    expect(throttle.allows(1)).to.equal(false)
  })

  it('rests for one window after another process, and is gone without limits', () => {
    const { throttle, scheduler, timers, woken } = make()
    throttle.limit({ messages: 5, per: 50 }, undefined)
    throttle.rest()
    expect(throttle.allows(0)).to.equal(false)
    expect(timers.size).to.equal(1)
    scheduler.flush()
    expect(woken).to.deep.equal([50])
    expect(throttle.allows(0)).to.equal(true)
    const owner = { after: () => () => undefined, elapsed: () => 0 }
    const limited: Parameters<typeof limitAs>[0] = { throttle, owner, wake: () => undefined }
    limitAs(limited, {})
    expect(limited.throttle).to.equal(undefined)
    limitAs(limited, { concurrency: 1 })
    expect(limited.throttle?.allows(1)).to.equal(false)
  })
})
