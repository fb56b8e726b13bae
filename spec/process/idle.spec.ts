import { expect } from 'chai'
import { isGoneWithin } from '../../src/daemon/gone.js'
import { Sandbox } from '../support/sandbox.js'

describe('an idle host', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('ends by itself when it started by itself', async () => {
    await sandbox.msgvan(['pub', 't', 'x'], { env: { MSGVAN_IDLE: '1' } }).ended
    const pid = await sandbox.hostPid()
    expect(await isGoneWithin(10_000, pid, sandbox.port)).to.equal(true)
  })

  it('ends in the foreground with exit code 0 after --idle', async () => {
    const began = performance.now()
    const { code } = await sandbox.msgvan(['host', '--idle', '0.5']).ended
    expect(code).to.equal(0)
    expect(performance.now() - began).to.be.greaterThan(500)
  })

  it('stays while a client is there, and ends after the client', async () => {
    const client = sandbox.msgvan(['sub', 'x', '--verbose'], { env: { MSGVAN_IDLE: '2' } })
    await client.shows(/listening for/)
    const pid = await sandbox.hostPid()
    await longerThanIdle()
    expect(await sandbox.hostPid()).to.equal(pid)
    await client.kill('SIGINT')
    expect(await isGoneWithin(15_000, pid, sandbox.port)).to.equal(true)
  })

  it('stays while messages wait', async () => {
    const worker = sandbox.msgvan(['sub', '^jobs', '--name', 'workers', '--verbose'], {
      env: { MSGVAN_IDLE: '2' },
    })
    await worker.shows(/listening for/)
    await worker.kill('SIGINT')
    expect(await sandbox.msgvan(['pub', 'jobs', 'one', '--no-start']).ended).to.include({ code: 0 })
    const pid = await sandbox.hostPid()
    await longerThanIdle()
    expect(await sandbox.hostPid()).to.equal(pid)
    expect((await sandbox.msgvan(['unsubscribe', 'workers']).ended).code).to.equal(0)
    expect(await isGoneWithin(15_000, pid, sandbox.port)).to.equal(true)
  })

  /** A host of its own, with nobody in it, shows when the time is over. */
  async function longerThanIdle(): Promise<void> {
    const other = await Sandbox.make()
    try {
      expect((await other.msgvan(['host', '--idle', '2.5']).ended).code).to.equal(0)
    } finally {
      await other.clean()
    }
  }
})
