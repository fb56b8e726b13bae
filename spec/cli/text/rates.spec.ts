import { expect } from 'chai'
import type { SubscriptionStatus, VanStatus } from '../../../src/bus/contract/status.js'
import { sampleOf } from '../../../src/cli/text/rates.js'
import { topLines } from '../../../src/cli/text/top-text.js'

const host = { id: 'h', pid: 4711, version: '0.1.0', port: 1900, address: '', leader: false, capabilities: {}, uptimeMs: 0 } // prettier-ignore
const none = { delivered: 0, acked: 0, failed: 0, redelivered: 0, deadLettered: 0, dropped: 0 }

const subscription = (id: string, some: Partial<SubscriptionStatus>): SubscriptionStatus => {
  return {
    id,
    pattern: `/${id}/`,
    consumers: 1,
    pending: 0,
    pendingBytes: 0,
    held: 0,
    inFlight: 0,
    pausing: false,
    ...none,
    ...some,
  }
}
const status = (published: number, subscriptions: SubscriptionStatus[]): VanStatus => {
  return { van: 'v', host, hosts: [host], actors: [], subscriptions, counters: { published, ...none } }
}
const sample = (before: VanStatus, after: VanStatus, ms = 2_000) =>
  sampleOf({ status: before, at: 100 }, { status: after, at: 100 + ms }, new Date(0))

describe('the rates of a van', () => {
  it('are the counts between two looks, divided by the time between them', () => {
    const before = status(10, [subscription('a', { delivered: 5, acked: 5 })])
    const after = status(30, [subscription('a', { delivered: 10, acked: 8, failed: 1 })])
    const { perSecond, seconds, time, subscriptions } = sample(before, after)
    expect({ seconds, time }).to.deep.equal({ seconds: 2, time: '1970-01-01T00:00:00.000Z' })
    expect(perSecond).to.deep.equal({ published: 10, ...none })
    expect(subscriptions[0]?.perSecond).to.deep.equal({ delivered: 2.5, acked: 1.5, failed: 0.5 })
  })

  it('count from the beginning after a restart of the host, or for a new subscription', () => {
    const before = status(1_000, [subscription('a', { delivered: 500 })])
    const after = status(6, [subscription('a', { delivered: 4 }), subscription('b', { delivered: 2 })])
    const { perSecond, subscriptions } = sample(before, after)
    expect(perSecond.published).to.equal(3)
    expect(subscriptions.map(each => each.perSecond.delivered)).to.deep.equal([2, 1])
  })

  it('list the busiest subscription first, then those with most pending messages', () => {
    const after = status(0, [
      subscription('idle', {}),
      subscription('full', { pending: 9 }),
      subscription('busy', { delivered: 3 }),
    ])
    expect(sample(status(0, []), after).subscriptions.map(({ id }) => id)).to.deep.equal([
      'busy',
      'full',
      'idle',
    ])
  })

  it('are numbers even if no time has passed', () => {
    const { perSecond } = sample(status(0, []), status(5, []), 0)
    expect(Number.isFinite(perSecond.published)).to.equal(true)
  })

  it('name slow subscriptions in their text, and the number of hidden rows', () => {
    const subscriptions = [
      subscription('a', { name: 'busy', delivered: 4, pausing: true }),
      subscription('b', {}),
      subscription('c', {}),
    ]
    const text = topLines(sample(status(0, []), status(2, subscriptions)), 1).join('\n')
    expect(text.split('\n').slice(1)).to.deep.equal([
      'a second: published 1, delivered 0, acked 0, failed 0, redelivered 0',
      'in all: published 2, dead 0, dropped 0',
      '',
      'NAME  PATTERN  CONSUMERS  PENDING  IN FLIGHT  DELIVERED/S  ACKED/S  FAILED/S',
      'busy  /a/              1        0          0            2        0         0',
      '… and 2 more',
      'slow, publishers wait for: busy',
    ])
    expect(topLines(sample(status(0, []), status(0, []))).join('\n')).to.match(
      /1 host, 0 subscriptions, 0 actors\n(.*\n)*no subscriptions$/,
    )
  })
})
