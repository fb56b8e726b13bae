import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.js'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('examples/actorhandler', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('appends to a file what is published, after its consumer has ended, until it is unsubscribed', async () => {
    const run = async (...args: string[]): Promise<string> => {
      const ended = await sandbox.node([checkout('examples/actorhandler/actorhandler.js'), ...args]).ended
      expect(ended).to.include({ code: 0, stderr: '' })
      return ended.stdout
    }
    const outfile = join(sandbox.home, 'out.txt')
    expect(await run('consumer', '--topic', 'foo', '--outfile', outfile)).to.match(
      /^what is published on foo/,
    )
    await run('producer', '--topic', 'foo', 'bar', 'baz')
    await run('producer', '--topic', 'another', 'not this')
    await run('producer', '--topic', 'foo', 'end')
    await eventually(async () => expect(await readFile(outfile, 'utf8')).to.equal('bar\nbaz\nend\n'))
    expect(await run('consumer', '--unsubscribe')).to.equal('unsubscribed\n')
    expect(await run('consumer', '--unsubscribe')).to.equal('there was nothing to unsubscribe\n')
    const { stderr } = await sandbox.msgvan(['actors']).ended
    expect(stderr).to.match(/there are no actors/)
  })

  it("runs on two hosts: messages of the producer's host are written where the consumer's leads", async () => {
    const other = await Sandbox.make()
    try {
      const run = async (at: Sandbox, ...args: string[]): Promise<string> => {
        const env = { MSGVAN_TOKEN: 'the token of two hosts', MSGVAN_IDLE: '0' }
        const example = [checkout('examples/actorhandler/actorhandler.js'), ...args]
        const ended = await at.node(example, { env }).ended
        expect(ended).to.include({ code: 0, stderr: '' })
        return ended.stdout
      }
      const outfile = join(sandbox.home, 'out.txt')
      const ipaddr = ['--ipaddr', `127.0.0.2:${sandbox.port}`]
      await run(sandbox, 'consumer', ...ipaddr, '--outfile', outfile)
      await run(other, 'producer', ...ipaddr, 'bar', 'baz')
      await eventually(async () => expect(await readFile(outfile, 'utf8')).to.equal('bar\nbaz\n'))
      const { stdout } = await other.msgvan(['actors']).ended
      expect(stdout).to.match(/actorhandler\s+running/)
      expect(await run(sandbox, 'consumer', '--unsubscribe')).to.equal('unsubscribed\n')
    } finally {
      await other.clean()
    }
  })
})
