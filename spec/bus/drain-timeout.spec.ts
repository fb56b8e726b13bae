import { expect } from 'chai'
import { drainTimeout } from '../../src/bus/drain-timeout.js'

describe('the error of close() when it stops waiting', () => {
  const unsettled = [{ rules: { name: 'billing', pattern: 't' }, inFlight: 2 }]

  it('names the unfinished work, and gives advice about nothing else', () => {
    expect(drainTimeout(10, unsettled).message).to.equal(
      'close() waited for 10 ms. Left behind: 2 deliveries not settled (billing: 2). ' +
        'Messages that were not settled go to the next subscriber of that name; without a name they are gone.',
    )
    expect(drainTimeout(10, [], 3).message).to.equal(
      'close() waited for 10 ms. Left behind: 3 publishes not taken over. Rejected publishes can be published again.',
    )
    expect(drainTimeout(10, [], 0, 1).message).to.equal(
      'close() waited for 10 ms. Left behind: 1 requests not answered.',
    )
    expect(drainTimeout(10, [], 0, 0, 2).message).to.equal(
      'close() waited for 10 ms. Left behind: 2 messages not handed out.',
    )
    expect(drainTimeout(10, []).message).to.equal(
      'close() waited for 10 ms. Left behind: acknowledgements on their way.',
    )
  })
})
