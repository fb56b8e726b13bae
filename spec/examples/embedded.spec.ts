import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/embedded', () => {
  const first = checkout('examples/embedded/first.js')
  const expected = { code: 0, stdout: 'eu: order {"id":7,"total":9.5}\n', stderr: '' }
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('runs in one process', async () => {
    expect(await sandbox.node([first]).ended).to.include(expected)
  })

  it("does the same through this machine's host, with the one option left out", async () => {
    const program = await readFile(first, 'utf8')
    const overHost = program.replace('van({ embedded: true })', 'van()')
    expect(overHost).not.to.equal(program)
    const run = sandbox.node(['--input-type=module', '--eval', overHost])
    expect(await run.ended).to.include(expected)
  })

  it('is the first program of README.md', async () => {
    const program = await readFile(first, 'utf8')
    const readme = await readFile(checkout('README.md'), 'utf8')
    expect(readme).to.include(`\`\`\`js\n${program}\`\`\`\n`)
    expect(program.trimEnd().split('\n').length).to.be.at.most(12)
  })
})
