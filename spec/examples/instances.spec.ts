import { expect } from 'chai'
import { ConventionHost } from '../support/convention.js'
import { eventually } from '../support/eventually.js'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/instances', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('counts primes with several instances, and shows how it goes', async () => {
    const program = await sandbox.node([checkout('examples/instances/instances.js'), '200000', '2']).ended
    expect(program).to.include({ code: 0, stderr: '' })
    const lines = program.stdout.trim().split('\n')
    expect(lines).to.have.length(22)
    expect(lines[0]).to.match(/^2 of 2 instances on the host at 127\.0\.0\.1:\d+$/)
    expect(lines[1]).to.match(/^1 of 20 ranges: \d+ primes so far$/)
    expect(lines[21]).to.equal('17984 primes below 200000, counted by 2 of 2 instances')
  })

  it('counts with the instances of one actor on two hosts, and shows how it goes', async () => {
    const leader = new ConventionHost(sandbox, ['--leader'])
    await leader.start()
    const root = ['--root', checkout('examples/instances')]
    const follower = new ConventionHost(await Sandbox.make(), ['--join', `127.0.0.1:${leader.port}`, ...root])
    try {
      await follower.start()
      const bus = leader.bus()
      await eventually(async () => expect((await bus.status()).hosts).to.have.length(2))
      const program = await sandbox.node([checkout('examples/instances/instances.js'), '400000', '4']).ended
      expect(program).to.include({ code: 0, stderr: '' })
      const lines = program.stdout.trim().split('\n')
      for (const { port } of [leader, follower])
        expect(lines.slice(0, 2)).to.include(`2 of 4 instances on the host at 127.0.0.1:${port}`)
      for (let done = 1; done <= 20; done++)
        expect(lines[done + 1]).to.match(new RegExp(`^${done} of 20 ranges: \\d+ primes so far$`))
      expect(lines[22]).to.equal('33860 primes below 400000, counted by 4 of 4 instances')
    } finally {
      await leader.closeBuses()
      await follower.clean()
    }
  })
})
