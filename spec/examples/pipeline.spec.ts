import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/pipeline', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('shows in one process what operators in another found in a log that grows', async () => {
    const show = sandbox.node([checkout('examples/pipeline/show.js')])
    await show.shows(/^listening$/m)

    const pipeline = await sandbox.node([checkout('examples/pipeline/pipeline.js')]).ended
    expect(pipeline).to.include({ code: 0, stderr: '' })
    expect(pipeline.stdout).to.equal('given up: "\\u0000\\u0000 half a line from a crash"\n')

    // 90 lines of three services in turn, every fifth a failure: six each, spread over several windows.
    const failures = () => {
      const sums: Record<string, number> = {}
      for (const [, service = '', count] of show.stdout.matchAll(
        /^(\w+): (\d+) failures, the slowest took \d+ ms$/gm,
      )) {
        sums[service] = (sums[service] ?? 0) + Number(count)
      }
      return sums
    }
    const total = () => Object.values(failures()).reduce((sum, count) => sum + count, 0)
    await show.until(() => (total() >= 18 ? true : undefined), '18 failures')
    expect(failures()).to.deep.equal({ checkout: 6, search: 6, login: 6 })
    expect(show.lines.length, 'windows').to.be.greaterThan(1 + 3)
  })
})
