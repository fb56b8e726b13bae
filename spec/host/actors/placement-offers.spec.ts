import { expect } from 'chai'
import type { HostStatus } from '../../../src/bus/contract/status.js'
import { shareOut, type Offer } from '../../../src/host/actors/cluster/placement-offers.js'

describe('instances are shared out', () => {
  const offers = (loads: Record<string, number>): Offer[] =>
    Object.entries(loads).map(([id, load]) => ({ host: { id } as HostStatus, load }))
  const dealt = (count: number, loads: Record<string, number>, first: string): Record<string, number[]> => {
    const numbers = Array.from({ length: count }, (_, index) => index + 1)
    return Object.fromEntries(
      shareOut(numbers, offers(loads), first).map(({ host, numbers }) => [host.id, numbers]),
    )
  }

  it('go one by one to the host with the fewest workers, and among equals to that of the caller', () => {
    expect(dealt(3, { a: 0, b: 0 }, 'a')).to.deep.equal({ a: [1, 3], b: [2] })
    expect(dealt(3, { a: 0, b: 0 }, 'b')).to.deep.equal({ b: [1, 3], a: [2] })
    expect(dealt(2, { a: 2, b: 0 }, 'a')).to.deep.equal({ b: [1, 2] })
    expect(dealt(4, { a: 2, b: 0, c: 1 }, 'a')).to.deep.equal({ b: [1, 2], c: [3], a: [4] })
  })

  it('go to all hosts, whichever host the caller is on', () => {
    expect(dealt(2, { a: 5, b: 5 }, 'nobody')).to.deep.equal({ a: [1], b: [2] })
    expect(dealt(2, {}, 'a')).to.deep.equal({})
  })
})
