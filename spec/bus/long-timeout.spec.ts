import { expect } from 'chai'
import { longTimeout } from '../../src/bus/long-timeout.js'

describe('a timeout of any length', () => {
  const { setTimeout: realTimeout } = globalThis
  const realNow = performance.now.bind(performance)
  let now = 0
  let delays: number[] = []
  beforeEach(() => {
    now = 0
    delays = []
    performance.now = () => now
    globalThis.setTimeout = ((step: () => void, ms: number) => {
      delays.push(ms)
      now += ms
      if (delays.length < 10) queueMicrotask(step)
      return undefined
    }) as unknown as typeof setTimeout
  })
  afterEach(() => {
    performance.now = realNow
    globalThis.setTimeout = realTimeout
  })

  it('is waited for in steps that a timer has', async () => {
    const month = 2 ** 31 * 3 + 7
    const at = await new Promise<number>(resolve => longTimeout(() => resolve(now), month))
    expect(at).to.equal(month)
    expect(Math.max(...delays)).to.equal(2 ** 31 - 1)
  })

  it('never acts when it is Infinity', () => {
    let hasActed = false
    longTimeout(() => (hasActed = true), Infinity)
    return new Promise<void>(resolve => realTimeout(resolve)).then(() => {
      expect(hasActed).to.equal(false)
      expect(delays).to.deep.equal(Array<number>(10).fill(2 ** 31 - 1))
    })
  })
})
