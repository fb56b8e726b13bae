import { expect } from 'chai'
import { RecentMap } from '../../../src/host/van/recent-map.js'

describe('a map of recent entries', () => {
  it('forgets those that were used longest ago, and reports them', () => {
    const gone: [string, number][] = []
    const map = new RecentMap<string, number>({ max: 3, evicted: (...entry) => gone.push(entry) })
    for (const [at, key] of ['a', 'b', 'c'].entries()) map.set(key, at)
    expect(map.get('a')).to.equal(0)
    expect(map.peek('b')).to.equal(1)
    map.set('d', 3)
    expect(gone).to.deep.equal([['b', 1]])
    expect([...map]).to.deep.equal([
      ['c', 2],
      ['a', 0],
      ['d', 3],
    ])
    map.delete('a')
    map.set('c', 7)
    expect([...map]).to.deep.equal([
      ['d', 3],
      ['c', 7],
    ])
    expect(gone).to.have.lengthOf(1)
  })

  it('weighs them, and keeps the newest in any case', () => {
    const map = new RecentMap<string, number>({ max: 10, maxWeight: 100, weigh: value => value })
    map.set('a', 60)
    map.set('b', 30)
    map.set('b', 40)
    expect(map.size).to.equal(2)
    map.set('c', 30)
    expect([...map].map(([key]) => key)).to.deep.equal(['b', 'c'])
    map.set('d', 1_000)
    expect([...map]).to.deep.equal([['d', 1_000]])
  })
})
