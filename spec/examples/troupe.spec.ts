import { expect } from 'chai'
import { ConventionHost } from '../support/convention.js'
import { eventually } from '../support/eventually.js'
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

  it('counts on two hosts, with instances on each', async () => {
    const offering = (name: string): string[] => ['--capabilities', JSON.stringify({ troupe: name })]
    const leader = new ConventionHost(sandbox, ['--leader', ...offering('one')])
    await leader.start()
    const root = ['--root', checkout('examples/troupe')]
    const follower = new ConventionHost(await Sandbox.make(), [
      ...['--join', `127.0.0.1:${leader.port}`, ...offering('two'), ...root],
    ])
    try {
      await follower.start()
      const bus = leader.bus()
      await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
      const troupe = await sandbox.node([checkout('examples/troupe/troupe.js'), '200000', '2']).ended
      expect(troupe).to.include({ code: 0, stderr: '' })
      expect(troupe.stdout).to.match(/17984 primes below 200000, counted by 4 of 4 instances\n$/)
    } finally {
      await leader.closeBuses()
      await follower.clean()
    }
  })
})
