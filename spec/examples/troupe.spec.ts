import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/troupe', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('counts primes with several instances, and shows how it goes', async () => {
    const troupe = await sandbox.node([checkout('examples/troupe/troupe.js'), '200000', '2']).ended
    expect(troupe).to.include({ code: 0, stderr: '' })
    const lines = troupe.stdout.trim().split('\n')
    expect(lines).to.have.length(21)
    expect(lines[0]).to.match(/^1 of 20 ranges: \d+ primes so far$/)
    expect(lines[20]).to.equal('17984 primes below 200000, counted by 2 of 2 instances')
  })
})
