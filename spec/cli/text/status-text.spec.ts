import { expect } from 'chai'
import { duration, statusLines } from '../../../src/cli/text/status-text.js'
import type { SubscriptionStatus, VanStatus } from '../../../src/bus/contract/status.js'

const host = {
  id: 'h',
  pid: 4711,
  version: '0.1.0',
  port: 1900,
  address: '',
  leader: false,
  capabilities: {},
  uptimeMs: 200_000,
}
const counters = {
  published: 12,
  delivered: 11,
  acked: 10,
  failed: 3,
  redelivered: 2,
  deadLettered: 1,
  dropped: 0,
}

const subscription = (some: Partial<SubscriptionStatus>): SubscriptionStatus => ({
  id: 's1',
  pattern: '/^t/',
  consumers: 1,
  pending: 0,
  pendingBytes: 0,
  held: 0,
  inFlight: 0,
  delivered: 0,
  acked: 0,
  failed: 0,
  redelivered: 0,
  deadLettered: 0,
  dropped: 0,
  pausing: false,
  ...some,
})

describe('the status as a text', () => {
  const text = (subscriptions: SubscriptionStatus[]): string[] =>
    statusLines({
      van: 'default',
      host,
      hosts: [host],
      actors: [],
      subscriptions,
      counters,
    } satisfies VanStatus)

  it('is a table', () => {
    expect(
      text([
        subscription({ name: 'workers', pattern: '/^jobs/', consumers: 12, pending: 100_000, pausing: true }),
        subscription({
          name: 'print',
          handler: { module: 'file:///m.js', export: 'print', state: 'running', restarts: 2 },
        }),
        subscription({ inFlight: 3, acked: 7, failed: 2, deadLettered: 1 }),
      ]),
    ).to.deep.equal([
      'van default, host 0.1.0 on port 1900 (pid 4711), up 3 min',
      '',
      'NAME     PATTERN  CONSUMERS  PENDING  IN FLIGHT  ACKED  FAILED  DEAD',
      'workers  /^jobs/         12   100000          0      0       0     0',
      'print    /^t/             1        0          0      0       0     0',
      '-        /^t/             1        0          3      7       2     1',
      'workers is slow: publishers wait for it, 0 messages are held',
      'print: handler print of file:///m.js is running, restarted 2 times',
      '',
      'published 12, delivered 11, acked 10, failed 3, redelivered 2, dead 1, dropped 0',
    ])
  })

  it('reports that there are no subscriptions', () => {
    expect(text([])).to.contain('no subscriptions')
  })

  it('tells times as people do', () => {
    const times = [0, 119_999, 120_000, 7_199_999, 7_200_000, 172_799_999, 172_800_000].map(duration)
    expect(times).to.deep.equal(['0 s', '119 s', '2 min', '119 min', '2 h 0 min', '47 h 59 min', '2 days'])
  })
})
