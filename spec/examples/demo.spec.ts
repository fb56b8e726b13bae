import { readdir } from 'node:fs/promises'
import { expect } from 'chai'
import { isAlive } from '../../src/state/pid-hint.js'
import { Sandbox } from '../support/sandbox.js'
import { checkout } from './examples.js'

describe('npm run demo', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const demo = () => sandbox.node([checkout('examples/simple/demo.js')], { env: { TMPDIR: sandbox.home } })
  const hostOf = (stdout: string) => Number(/The host started by itself: process (\d+)/.exec(stdout)?.[1])

  it('shows what came out of the host and leaves nothing running', async () => {
    const { code, stdout, stderr } = await demo().ended
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout.match(/simple out Handler got .*/g)).to.deep.equal([
      'simple out Handler got {"line":"hello"}',
      'simple out Handler got {"line":"from another process"}',
      'simple out Handler got {"line":"and good night"}',
    ])
    expect(hostOf(stdout)).to.satisfy((pid: number) => pid > 0 && !isAlive(pid))
    expect(await readdir(sandbox.home)).to.deep.equal([])
  })

  it('leaves nothing running when it is interrupted', async () => {
    const process = demo()
    await process.shows(/The host started by itself: process \d+/)
    const { code, stdout, stderr } = await process.kill('SIGINT')
    expect(code).to.equal(1)
    expect(stderr).to.include('The demo failed: stopped by SIGINT.')
    expect(hostOf(stdout)).to.satisfy((pid: number) => pid > 0 && !isAlive(pid))
  })
})
