import { readFile, readlink } from 'node:fs/promises'
import { expect } from 'chai'
import { isAlive } from '../../src/daemon/pid-hint.js'
import { Sandbox } from '../support/sandbox.js'

describe('a host that started by itself', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const starter = `
    const bus = msgvan.van()
    await bus.publish('t', 1)
    console.log('host', (await bus.status()).host.pid)`

  it('goes on when the process that started it has ended, and holds none of its pipes', async () => {
    // `ended` waits for the end of the pipes too: a host that held them would keep it waiting.
    const { code, stdout } = await sandbox.script(`${starter}\nawait bus.close()`).ended
    expect(code).to.equal(0)
    expect(stdout).to.equal(`host ${await sandbox.hostPid()}\n`)
    const second = await sandbox.script(`${starter}\nawait bus.close()`).ended
    expect(second.stdout).to.equal(stdout)
  })

  it('goes on when that process is killed, with its whole group', async () => {
    const process_ = sandbox.script(starter)
    const pid = Number((await process_.shows(/host (\d+)/))[1])
    sandbox.owns(pid)
    await process_.kill('SIGKILL')
    expect(await sandbox.hostPid()).to.equal(pid)
  })

  it('is free of what was meant for that process alone', async function () {
    if (process.platform !== 'linux') this.skip()
    const env = { NODE_OPTIONS: '--title=mine', NODE_UNIQUE_ID: '7', MSGVAN_VERBOSE: '1', MY_OWN: 'kept' }
    await sandbox.msgvan(['pub', 't'], { env: { ...env, NODE_UNIQUE_ID: undefined } }).ended
    const pid = await sandbox.hostPid()
    expect(isAlive(pid)).to.equal(true)
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
    expect(environment).to.include('MY_OWN=kept')
    expect(environment.filter(each => /^NODE_(OPTIONS|UNIQUE_ID|CHANNEL_FD)=./.test(each))).to.deep.equal(
      environment.filter(each => each.startsWith('NODE_CHANNEL_FD=')), // its own channel, to say that it listens
    )
    expect(await readlink(`/proc/${pid}/cwd`)).to.equal('/')
    const group = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ')[2]
    expect(Number(group), 'a process group of its own').to.equal(pid)
  })

  it('says why it could not start, with its own last words', async () => {
    const { code, stderr } = await sandbox.msgvan(['pub', 't'], { env: { MSGVAN_IDLE: 'soon' } }).ended
    expect(code).to.equal(1)
    expect(stderr).to.match(/could not be started.*MSGVAN_IDLE|could not be started.*--idle/)
    expect(stderr).to.contain('MSGVAN_HOST_UNREACHABLE')
    expect(stderr.trimEnd().split('\n')).to.have.length(1)
  })
})
