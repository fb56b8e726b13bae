import { readdir, writeFile } from 'node:fs/promises'
import { expect } from 'chai'
import { isAlive } from '../../src/state/pid-hint.js'
import { somebodyListens } from '../../src/daemon/find/listens.js'
import { stopHost } from '../../src/daemon/stop.js'
import { eventually } from '../support/eventually.js'
import { lingering } from '../support/lingering.js'
import { Sandbox } from '../support/sandbox.js'
import { onlyOnLinux } from '../support/requirement.js'

describe('msgvan stop', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  const files = async (): Promise<string[]> =>
    (await readdir(sandbox.home)).map(name => name.replace(String(sandbox.port), 'PORT')).sort()

  it('ends the host in order and leaves no process, socket or pid file', async () => {
    await sandbox.msgvan(['start']).ended
    const pid = await sandbox.hostPid()
    expect(await files()).to.include('host-PORT.pid')
    const { code, stderr } = await sandbox.msgvan(['stop']).ended
    expect({ code, stderr }).to.deep.equal({
      code: 0,
      stderr: `msgvan: the host on port ${sandbox.port} has ended (pid ${pid})\n`,
    })
    expect(isAlive(pid)).to.equal(false)
    expect(await somebodyListens(sandbox.port)).to.equal(false)
    expect(await files()).to.deep.equal(['host-PORT.log', 'host-PORT.out', 'host-PORT.settings', 'secret'])
  })

  it('succeeds without a host, and clears up after one that was killed', async () => {
    await writeFile(sandbox.paths.pid(sandbox.port), '999999999\n')
    expect(await sandbox.msgvan(['stop', '--json']).ended).to.include({
      code: 0,
      stdout: '{"was":"absent"}\n',
      stderr: '',
    })
    expect(await files()).to.deep.equal([])
  })

  it('is not undone by the clients of that host: they wait for the next', async () => {
    const client = sandbox.script(`
      const bus = msgvan.van()
      bus.state$.subscribe(state => console.log(state))
      bus.topic('t').subscribe(({ payload }) => console.log('got', payload))
      await bus.ready()
      console.log('in force')
      process.stdin.once('data', () => bus.publish('t', 'waited').then(() => console.log('published')))`)
    await client.shows(/in force/)
    const first = await sandbox.hostPid()
    await sandbox.msgvan(['stop']).ended
    await client.shows(/reconnecting/)
    client.write('go\n')
    // It goes on trying to reach one: meanwhile nobody listens.
    expect((await sandbox.msgvan(['status']).ended).code).to.equal(1)
    expect(await somebodyListens(sandbox.port)).to.equal(false)
    expect(client.stdout).to.not.contain('published')
    await sandbox.msgvan(['start']).ended
    expect(await sandbox.hostPid()).to.not.equal(first)
    await client.shows(/reconnecting\nconnected\n/)
    await client.shows(/published/)
    await client.shows(/got waited/)
  })

  it('restarts it, under clients that come back', async () => {
    const client = sandbox.msgvan(['sub', '^t', '--verbose'])
    await client.shows(/listening for/)
    const first = await sandbox.hostPid()
    const { code, stdout } = await sandbox.msgvan(['restart', '--json']).ended
    expect(code).to.equal(0)
    const { started, host } = JSON.parse(stdout) as { started: boolean; host: { pid: number } }
    expect(started).to.equal(true)
    expect(host.pid).to.not.equal(first)
    expect(await sandbox.hostPid()).to.equal(host.pid)
    const listener = sandbox.script(`
      const bus = msgvan.van()
      for (;;) {
        const { subscriptions } = await bus.status()
        if (subscriptions.length === 1) break
      }
      await bus.publish('t', 'hello')
      await bus.close()`)
    await listener.ended
    await client.shows(/^t hello$/m)
  })

  it('ends a host that does not answer, by its verified pid, and reports that', async function () {
    onlyOnLinux(this)
    const host = sandbox.msgvan(['host'])
    await host.shows(/listening/)
    host.child.kill('SIGSTOP')
    const outcome = await stopHost({ port: sandbox.port, paths: sandbox.paths }, { answer: 300, end: 300 })
    expect(outcome).to.deep.include({ was: 'killed', pid: host.pid })
    expect('why' in outcome ? outcome.why : '').to.contain('does not answer')
    expect(await files()).to.not.include('host-PORT.pid')
  })

  it('waits for that host alone: a client may start the next one as soon as the port is free', async function () {
    onlyOnLinux(this)
    const { env, letGo } = await lingering(sandbox.home)
    const first = sandbox.msgvan(['host'], { env })
    await first.shows(/listening/)
    const stop = sandbox.msgvan(['stop'])
    await eventually(async () => expect(await somebodyListens(sandbox.port)).to.equal(false), 20_000)
    expect(await sandbox.msgvan(['pub', 't']).ended).to.include({ code: 0 })
    const second = await sandbox.hostPid()
    expect(stop.child.exitCode, 'it waits for the first').to.equal(null)
    await letGo()
    const { code, stderr } = await stop.ended
    expect({ code, stderr }).to.deep.equal({
      code: 0,
      stderr: `msgvan: the host on port ${sandbox.port} has ended (pid ${first.pid})\n`,
    })
    expect(await sandbox.hostPid()).to.equal(second)
  })
})
