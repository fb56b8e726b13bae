import { expect } from 'chai'
import { van, type Bus } from '../../src/index.js'
import { reports } from '../support/messages.js'
import { drainTimeout } from '../../src/bus/drain-timeout.js'

describe('what an embedded bus leaves behind', () => {
  const leftBy = async (use: (bus: Bus) => void): Promise<string[]> => {
    const bus = van({ embedded: true })
    const { values } = reports(bus)
    use(bus)
    await bus.close({ timeout: 10 })
    return values.filter(({ code }) => code === 'MSGVAN_DRAIN_TIMEOUT').map(({ message }) => message)
  }

  it('is counted behind a full subscription, too', async () => {
    const texts = await leftBy(bus => {
      bus.topic('t', { name: 'w', maxPending: 1, prefetch: 1, ack: 'manual' }).subscribe()
      for (const n of [1, 2, 3, 4]) void bus.publish('t', n)
    })
    expect(texts).to.have.lengthOf(1)
    expect(texts[0]).to.contain('1 deliveries not settled (w: 1), 3 messages not handed out (w: 3).')
  })

  it('is counted where a name has no consumer', async () => {
    const texts = await leftBy(bus => {
      bus.topic('t', { name: 'w' }).subscribe().unsubscribe()
      void bus.publish('t')
    })
    expect(texts).to.deep.equal([
      'close() left behind: 1 messages not handed out (w: 1). An embedded van keeps no messages when its bus closes.',
    ])
  })
})

describe('the error of close() when it stops waiting', () => {
  const unsettled = [{ rules: { name: 'billing', pattern: 't' }, inFlight: 2 }]

  it('names the unfinished work, and gives advice about nothing else', () => {
    expect(drainTimeout(10, unsettled).message).to.equal(
      'close() waited for 10 ms. Left behind: 2 deliveries not settled (billing: 2). ' +
        'Messages that were not settled go to the next subscriber of that name; without a name they are gone.',
    )
    expect(drainTimeout(10, [], 3).message).to.equal(
      'close() waited for 10 ms. Left behind: 3 publishes not accepted. Rejected publishes can be published again.',
    )
    expect(drainTimeout(10, [], 0, 1).message).to.equal(
      'close() waited for 10 ms. Left behind: 1 requests not answered.',
    )
    expect(drainTimeout(10, [], 0, 0, 2).message).to.equal(
      'close() waited for 10 ms. Left behind: 2 messages not handed out.',
    )
    const waiting = [{ rules: { name: undefined, pattern: /^t/ }, count: 3, retrying: 2 }]
    expect(drainTimeout(10, [], 0, 0, 2, waiting).message).to.equal(
      'close() waited for 10 ms. Left behind: 5 messages not handed out (/^t/: 3), 2 of them before a retry.',
    )
    expect(drainTimeout(10, []).message).to.equal(
      'close() waited for 10 ms. Left behind: acknowledgements on their way.',
    )
  })
})
