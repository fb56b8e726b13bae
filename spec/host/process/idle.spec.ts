import { expect } from 'chai'
import { watchIdle } from '../../../src/host/process/idle.js'

describe('the watch for idleness', () => {
  it('counts from the last time that something was there, also between two looks', async () => {
    let activity = 0
    const began = performance.now()
    const busy = setInterval(() => {
      activity += 1
      if (activity === 8) clearInterval(busy)
    }, 25)
    await new Promise<void>(resolve => {
      watchIdle({ idleMs: 100, isBusy: () => false, activity: () => activity, onIdle: resolve })
      setTimeout(() => undefined, 2_000).unref()
    })
    expect(activity).to.equal(8)
    expect(performance.now() - began).to.be.greaterThan(8 * 25 + 75)
  })

  it('takes times that no timer can, and never fires for 0', () => {
    let fired = false
    const options = { isBusy: () => false, activity: () => 0, onIdle: () => (fired = true) }
    const ends = [watchIdle({ ...options, idleMs: 1e13 }), watchIdle({ ...options, idleMs: 0 })]
    for (const end of ends) end()
    expect(fired).to.equal(false)
  })

  it('looks every half minute at most, by a clock of its own', async () => {
    let now = 0
    let looks = 0
    await new Promise<void>(resolve => {
      const end = watchIdle({
        idleMs: 40,
        isBusy: () => ++looks < 5,
        activity: () => 0,
        now: () => (now += 1_000),
        onIdle: () => {
          end()
          resolve()
        },
      })
    })
    expect(looks).to.equal(5)
  })
})
