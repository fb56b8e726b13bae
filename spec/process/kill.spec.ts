import { expect } from 'chai'
import { isGoneWithin } from '../../src/daemon/gone.js'
import { Sandbox } from '../support/sandbox.js'

describe('a host killed with -9', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const client = (options = '{}'): string => `
    const bus = msgvan.van(${options})
    bus.state$.subscribe(state => console.log(state))
    bus.errors$.subscribe(error => console.log(error.code))
    bus.topic(/^t/).subscribe(({ payload }) => console.log('got', payload))
    await bus.ready()
    console.log('in force')`

  async function kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL')
    expect(await isGoneWithin(10_000, pid, sandbox.port)).to.equal(true)
  }

  it('leaves nothing that stops the next', async () => {
    await sandbox.msgvan(['start']).ended
    const first = await sandbox.hostPid()
    await kill(first)
    const { code, stderr } = await sandbox.msgvan(['start']).ended
    expect(code, stderr).to.equal(0)
    const second = await sandbox.hostPid()
    expect(second).to.not.equal(first)
    expect(stderr).to.contain(`pid ${second}`)
    expect(await sandbox.msgvan(['stop']).ended).to.include({ code: 0 })
  })

  it('is started again by its clients, whose subscriptions come back', async () => {
    const listener = sandbox.script(client())
    await listener.shows(/in force/)
    const first = await sandbox.hostPid()
    // Nobody can wait for the port to be free: the client is there at once.
    process.kill(first, 'SIGKILL')
    await listener.shows(/reconnecting\n(.*\n)*connected/)
    const second = await sandbox.hostPid()
    expect(second).to.not.equal(first)
    await sandbox.msgvan(['pub', 't', 'again', '--no-start']).ended
    await listener.shows(/got again/)
  })

  it('is waited for by a client that may start none', async () => {
    await sandbox.msgvan(['start']).ended
    const listener = sandbox.script(client('{ autoStart: false }'))
    await listener.shows(/in force/)
    await kill(await sandbox.hostPid())
    await listener.shows(/reconnecting/)
    await sandbox.msgvan(['start']).ended
    await listener.shows(/reconnecting\n(.*\n)*connected/)
    await sandbox.hostPid()
    await sandbox.msgvan(['pub', 't', 'again']).ended
    await listener.shows(/got again/)
  })
})

describe('a host that crashes', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('says why in its log, and leaves the sign by which its clients start another', async () => {
    // From inside, as an error of its own would come.
    const bomb = 'process.on("SIGUSR2", () => { throw new Error("boom") })'
    const host = sandbox.msgvan(['host'], {
      env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(bomb)}` },
    })
    await host.shows(/listening/)
    const client = sandbox.script(`
      const bus = msgvan.van()
      bus.state$.subscribe(state => console.log(state))
      await bus.ready()
      console.log('ready')`)
    await client.shows(/ready/)
    expect((await host.kill('SIGUSR2')).code).to.equal(1)
    await client.shows(/reconnecting\n(.*\n)*connected/)
    expect(await sandbox.hostPid()).to.not.equal(host.pid)
    expect((await sandbox.msgvan(['logs', 'host']).ended).stdout).to.match(
      / host err Error: boom\n(\S+ host err +at .*\n)+/,
    )
  })
})
