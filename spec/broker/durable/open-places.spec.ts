import { expect } from 'chai'
import { assert, array, constantFrom, nat, property, record } from 'fast-check'
import { OpenPlaces } from '../../../src/broker/durable/open-places.js'

const sorted = (open: Iterable<readonly [number, number]>) => [...open].sort(([a], [b]) => a - b)

describe('open places', () => {
  it('are what a map of them would be, whatever is opened, failed and settled in which order', () => {
    const step = record({ what: constantFrom('push', 'push', 'fail', 'oldest', 'any'), at: nat(200) })
    assert(
      property(array(step, { maxLength: 300 }), steps => {
        const known = new Map<number, number>([[1, -1], [3, 2]]) // prettier-ignore
        const open = new OpenPlaces(known)
        let last = 3
        for (const { what, at } of steps) {
          const places = [...known.keys()]
          const place = what === 'oldest' ? Math.min(...places) : (places[at % places.length] ?? 0)
          if (what === 'push') {
            last += 1 + (at % 3)
            open.push(last)
            known.set(last, 0)
          } else if (places.length === 0) continue
          else if (what === 'fail') {
            open.set(place, at)
            known.set(place, at)
          } else {
            open.delete(place)
            known.delete(place)
            open.delete(place)
          }
          expect(open.get(place)).to.equal(known.get(place))
        }
        expect(sorted(open)).to.deep.equal(sorted(known))
        expect(open.size).to.equal(known.size)
        expect(open.first).to.equal(Math.min(Infinity, ...known.keys()))
      }),
    )
  })

  it('stay in order when thousands pass', () => {
    const open = new OpenPlaces()
    for (let place = 1; place <= 20_000; place += 1) {
      open.push(place)
      if (place > 2_000) open.delete(place - 2_000)
    }
    expect(open.size).to.equal(2_000)
    expect(open.first).to.equal(18_001)
    expect(open.get(18_000)).to.equal(undefined)
    expect(open.get(18_001)).to.equal(0)
  })
})
