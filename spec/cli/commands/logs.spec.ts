import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { msgvanMain, Sandbox } from '../../support/sandbox.js'

describe('msgvan logs --follow', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const append = (name: string, text: string): void => {
    const path = sandbox.paths.log(sandbox.port)
    mkdirSync(dirname(path), { recursive: true })
    appendFileSync(path, `2026-01-01T00:00:00.000Z ${name} out ${text}\n`)
  }

  it('shows the lines that are there, then those that come, of one handler or of all', async () => {
    append('a', 'before')
    const all = sandbox.msgvan(['logs', '--follow'])
    const one = sandbox.msgvan(['logs', 'b', '--follow', '--json'])
    await all.hasLines(1)
    append('b', 'one')
    append('a', 'two')
    append('b', 'three')
    expect((await all.hasLines(4)).map(line => line.split(' ').slice(1).join(' '))).to.deep.equal([
      'a out before',
      'b out one',
      'a out two',
      'b out three',
    ])
    const texts = (await one.hasLines(2)).map(line => (JSON.parse(line) as { text: string }).text)
    expect(texts).to.deep.equal(['one', 'three'])
    expect((await all.kill('SIGINT')).code).to.equal(130)
    expect((await one.kill('SIGTERM')).code).to.equal(143)
  })

  it('ends with exit code 0 when its reader leaves, though no line comes', async () => {
    append('a', 'before')
    const pipeline = `"${process.execPath}" "${msgvanMain}" logs -f | head -1; echo "codes \${PIPESTATUS[*]}"`
    const logs = sandbox.processes.start('bash', ['-c', pipeline], sandbox.env)
    await logs.hasLines(1)
    // Where a pipe does not tell that its reader left, the next line does.
    if (process.platform !== 'linux') append('a', 'after')
    const { stdout, stderr } = await logs.ended
    expect({ stdout, stderr }).to.deep.equal({
      stdout: '2026-01-01T00:00:00.000Z a out before\ncodes 0 0\n',
      stderr: '',
    })
  })
})
