import { expect } from 'chai'
import { play, scenarios } from '../../faults/scenarios.js'

// Short versions of `npm run faults`: a fault more or less, the same books.
describe('real processes under faults', function () {
  this.timeout(300_000)

  for (const scenario of scenarios) {
    it(`account for every message: ${scenario.title}`, async () => {
      const seed = Math.floor(Math.random() * 2 ** 32)
      const { problems, lost, accepted } = await play(scenario, 'short', seed)
      expect(problems, `again with: npm run faults -- ${scenario.name} --short --seed ${seed}`).to.deep.equal(
        [],
      )
      expect(lost).to.equal(0)
      expect(accepted).to.be.greaterThan(0)
    })
  }
})
