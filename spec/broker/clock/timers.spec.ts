import { expect } from 'chai'
import fc from 'fast-check'
import { Timers } from '../../../src/broker/clock/timers.js'
import { VirtualTime } from '../../support/virtual-time.js'

/** Notes the delays that it is asked for. */
class Asked extends VirtualTime {
  readonly delays: number[] = []

  override schedule: VirtualTime['schedule'] = (work, delay, state) => {
    this.delays.push(delay ?? 0)
    return super.schedule(work, delay, state)
  }
}

describe('timers', () => {
  it('run each once, when it is due, in the order of their time', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 60 })
    fc.assert(
      fc.property(delays, fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 10 }), (all, steps) => {
        const time = new VirtualTime()
        const timers = new Timers(time)
        const ran: number[] = []
        for (const delay of all) {
          timers.after(delay, () => {
            expect(time.now()).to.equal(delay)
            ran.push(delay)
          })
        }
        for (const step of steps) {
          time.advance(step)
          expect(ran.length).to.equal(all.filter(delay => delay <= time.now()).length)
        }
        time.advance(1_000)
        expect(ran).to.deep.equal([...all].sort((a, b) => a - b))
      }),
    )
  })

  it('never run what was called off', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.boolean()), { maxLength: 300 }),
        all => {
          const time = new VirtualTime()
          const timers = new Timers(time)
          const ran: number[] = []
          const calledOff = all.map(([delay, off]) => ({
            off,
            cancel: timers.after(delay, () => ran.push(delay)),
          }))
          for (const { off, cancel } of calledOff) if (off) cancel()
          time.advance(500)
          const expected = all.filter(([, off]) => !off).map(([delay]) => delay)
          expect(ran).to.deep.equal(expected.sort((a, b) => a - b))
        },
      ),
    )
  })

  it('wait beyond 2^31 ms in steps that no timer takes for zero', () => {
    const time = new Asked()
    const timers = new Timers(time)
    const ran: number[] = []
    const month = 2 ** 31 * 3 + 7
    timers.after(month, () => ran.push(time.now()))
    time.advance(month - 1)
    expect(ran).to.deep.equal([])
    time.advance(1)
    expect(ran).to.deep.equal([month])
    expect(Math.max(...time.delays)).to.equal(2 ** 31 - 1)
    expect(time.delays).to.have.lengthOf(4)
  })

  it('wait for ever when asked to, and let others pass', () => {
    const time = new VirtualTime()
    const timers = new Timers(time)
    const ran: string[] = []
    timers.after(Infinity, () => ran.push('never'))
    timers.after(5, () => ran.push('soon'))
    time.advance(Number.MAX_SAFE_INTEGER)
    expect(ran).to.deep.equal(['soon'])
  })

  it('may be set while others run', () => {
    const time = new VirtualTime()
    const timers = new Timers(time)
    const ran: number[] = []
    timers.after(10, () => {
      ran.push(10)
      timers.after(0, () => ran.push(0))
      timers.after(5, () => ran.push(5))
    })
    timers.after(12, () => ran.push(12))
    time.advance(20)
    expect(ran).to.deep.equal([10, 0, 12, 5])
  })

  it('keep one timer of the scheduler, and forget what was called off', () => {
    const time = new Asked()
    const timers = new Timers(time)
    timers.after(1, () => undefined)
    for (let count = 0; count < 100_000; count += 1) timers.after(1_000, () => undefined)()
    expect(timers.size).to.be.lessThan(1_000)
    expect(time.delays).to.deep.equal([1])
  })

  it('stop with clear()', () => {
    const time = new VirtualTime()
    const timers = new Timers(time)
    const ran: number[] = []
    timers.after(1, () => ran.push(1))
    timers.clear()
    timers.after(2, () => ran.push(2))
    time.advance(5)
    expect(ran).to.deep.equal([2])
  })
})
