import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { eventually } from '../support/eventually.js'
import { rejection } from '../support/rejection.js'
import { onlyOnLinux } from '../support/requirement.js'
import { Sandbox } from '../support/sandbox.js'

const TCP = `process.getActiveResourcesInfo().filter(kind => kind === 'TCPSocketWrap').length`
const token = 'a token of thirty-two characters'

describe('the local socket, between processes', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('carries van(), handlers and commands of this user; a token goes by TCP', async function () {
    onlyOnLinux(this)
    const host = sandbox.msgvan(['host'], { env: { MSGVAN_TOKEN: token } })
    await host.shows(/listening/)
    const program = sandbox.script(`
      const local = msgvan.van()
      await local.ready()
      console.log(${TCP})
      await local.close()
      const far = msgvan.van({ token: '${token}' })
      await far.ready()
      console.log(${TCP})
      await far.close()`)
    expect((await program.ended).stdout).to.equal('0\n1\n')
    expect((await sandbox.msgvan(['status', '--no-start']).ended).code).to.equal(0)
    expect((await sandbox.msgvan(['stop']).ended).code).to.equal(0)
    expect(await rejection(stat(sandbox.paths.socket(sandbox.port)))).to.include({ code: 'ENOENT' })
  })

  it('is that of the next host after a kill, and clients come back by it', async function () {
    onlyOnLinux(this)
    const program = sandbox.script(`
      const bus = msgvan.van()
      await bus.ready()
      console.log('ready')
      bus.state$.subscribe(state => console.log(state, ${TCP}))`)
    await program.shows(/ready/)
    const pid = await sandbox.hostPid()
    process.kill(pid, 'SIGKILL')
    await program.shows(/reconnecting \d+[^]*connected 0/)
    await eventually(async () => expect(await sandbox.hostPid()).to.not.equal(pid))
  })

  it('is not there where its path would be too long: TCP does', async () => {
    const home = join(sandbox.home, 'x'.repeat(90))
    const env = { MSGVAN_HOME: home }
    const host = sandbox.msgvan(['host'], { env })
    await host.shows(/listening/)
    const program = sandbox.script(
      `
      const bus = msgvan.van({ autoStart: false })
      await bus.ready()
      console.log(${TCP})
      await bus.close()`,
      { env },
    )
    expect((await program.ended).stdout).to.equal('1\n')
  })
})
