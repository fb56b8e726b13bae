import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { openHostLog } from '../../../src/host/process/logs.js'
import { version, type VanStatus } from '../../../src/index.js'
import { msgvanMain, Sandbox } from '../../support/sandbox.js'
import { skipUnless } from '../../support/requirement.js'

describe('msgvan status, unsubscribe and logs', () => {
  let sandbox: Sandbox
  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(() => sandbox.clean())

  it('status shows subscriptions, as a table and exactly', async () => {
    const worker = sandbox.msgvan(['sub', '^jobs', '--name', 'workers', '--verbose'])
    await worker.shows(/listening for/)
    await sandbox.msgvan(['pub', 'jobs', 'x']).ended
    await worker.shows(/jobs x/)
    const { code, stdout } = await sandbox.msgvan(['status', '--json']).ended
    const status = JSON.parse(stdout) as VanStatus
    expect({ code, van: status.van, version: status.host.version, port: status.host.port }).to.deep.equal({
      code: 0,
      van: 'default',
      version,
      port: sandbox.port,
    })
    expect(status.subscriptions).to.have.length(1)
    expect(status.subscriptions[0]).to.include({
      name: 'workers',
      pattern: '/^jobs/',
      consumers: 1,
      delivered: 1,
    })
    expect(status.counters).to.include({ published: 1 })
    const table = (await sandbox.msgvan(['status']).ended).stdout
    expect(table).to.match(/^workers {2}\/\^jobs\/ +1 /m)
  })

  it("status counts messages that were published without a subscriber: a van's counters outlast its users", async () => {
    const counters = async () => {
      const { stdout } = await sandbox.msgvan(['status', '--json']).ended
      return (JSON.parse(stdout) as VanStatus).counters
    }
    await sandbox.msgvan(['pub', 'jobs', '1']).ended
    expect(await counters()).to.include({ published: 1, delivered: 0 })
    expect(await counters()).to.include({ published: 1, delivered: 0 })
  })

  it('a failed write is an error: a full disk loses no output unnoticed', async function () {
    skipUnless(this, existsSync('/dev/full'), 'there is no /dev/full')
    await sandbox.msgvan(['start']).ended
    for (const args of [['status'], ['--help'], ['sub', '--help'], ['help', 'pub'], ['--version']]) {
      const full = openSync('/dev/full', 'w')
      const command = spawn(process.execPath, [msgvanMain, ...args], {
        env: sandbox.env,
        stdio: ['ignore', full, 'pipe'],
      })
      if (command.stderr === null) throw new Error('no standard error')
      const said = text(command.stderr)
      const [code] = (await once(command, 'exit')) as [number | null]
      closeSync(full)
      expect(code, args.join(' ')).to.equal(1)
      expect(await said, args.join(' ')).to.match(/^msgvan: cannot write: .*ENOSPC.* \(MSGVAN_COMMAND\)\n$/)
    }
  })

  it('unsubscribe removes a named subscription, and reports an unknown name', async () => {
    const worker = sandbox.msgvan(['sub', '^jobs', '--name', 'workers', '--verbose'])
    await worker.shows(/listening for/)
    await worker.kill('SIGINT')
    expect(await sandbox.msgvan(['unsubscribe', 'workers', '--json']).ended).to.include({
      code: 0,
      stdout: '{"name":"workers","removed":true}\n',
    })
    const again = await sandbox.msgvan(['unsubscribe', 'workers']).ended
    expect(again).to.include({ code: 1, stdout: '' })
    expect(again.stderr).to.equal(
      'msgvan: there is no subscription "workers" in van default (MSGVAN_NOT_FOUND)\n',
    )
  })

  it('pause holds a named subscription, status and top show it, and resume lets it go on', async () => {
    const worker = sandbox.msgvan(['sub', '^jobs', '--name', 'workers', '--verbose'])
    await worker.shows(/listening for/)
    expect(await sandbox.msgvan(['pause', 'workers', '--json']).ended).to.include({
      code: 0,
      stdout: '{"name":"workers","paused":true}\n',
    })
    await sandbox.msgvan(['pub', 'jobs', 'x']).ended
    const { stdout } = await sandbox.msgvan(['status', '--json']).ended
    const { subscriptions } = JSON.parse(stdout) as VanStatus
    expect(subscriptions[0]).to.include({ pending: 1, inFlight: 0, paused: true })
    const table = (await sandbox.msgvan(['status']).ended).stdout
    expect(table).to.contain('\nworkers is paused: `msgvan resume workers` lets it go on\n')
    const top = await sandbox.msgvan(['top', '--count', '1', '--interval', '0.1']).ended
    expect(top.stdout).to.contain('\npaused: workers\n')
    expect(await sandbox.msgvan(['resume', 'workers']).ended).to.deep.include({
      code: 0,
      stdout: '',
      stderr: 'msgvan: workers is resumed\n',
    })
    await worker.shows(/jobs x/)
    expect(await sandbox.msgvan(['resume', 'nobody', '--json']).ended).to.include({
      code: 1,
      stdout: '{"name":"nobody","resumed":false}\n',
    })
  })

  it('logs shows what handlers printed, of all or of one, without a host too', async () => {
    const log = openHostLog(sandbox.paths.log(sandbox.port))
    log.write('print', 'out', 'Handler got 1')
    log.write('other', 'err', 'oh')
    log.close()
    const all = (await sandbox.msgvan(['logs']).ended).stdout
    expect(all).to.match(/^\S+Z print out Handler got 1\n\S+Z other err oh\n$/)
    expect((await sandbox.msgvan(['logs', 'other']).ended).stdout).to.match(/^\S+Z other err oh\n$/)
    const json = (await sandbox.msgvan(['logs', 'print', '--json']).ended).stdout
    expect(JSON.parse(json)).to.include({ name: 'print', stream: 'out', text: 'Handler got 1' })
    expect(await sandbox.msgvan(['logs', 'nobody']).ended).to.include({ code: 0, stdout: '', stderr: '' })
  })

  it('logs --follow goes on through the next host, and ends by Ctrl-C', async () => {
    const logs = sandbox.msgvan(['logs', '--follow'])
    for (const text of ['before', 'after']) {
      const log = openHostLog(sandbox.paths.log(sandbox.port))
      log.write('h', 'out', text)
      log.close()
      await logs.shows(new RegExp(`h out ${text}\\n`))
    }
    expect(await logs.kill('SIGINT')).to.include({ code: 130, signal: null, stderr: '' })
  })

  it('a second start succeeds, and reports the running host', async () => {
    const first = await sandbox.msgvan(['start', '--json']).ended
    const { started, host } = JSON.parse(first.stdout) as { started: boolean; host: { pid: number } }
    expect(started).to.equal(true)
    const second = JSON.parse((await sandbox.msgvan(['start', '--json']).ended).stdout) as typeof host & {
      started: boolean
    }
    expect(second).to.have.nested.property('host.pid', host.pid)
    expect(second.started).to.equal(false)
  })

  it('host takes capabilities, which status shows', async () => {
    await sandbox.msgvan(['start', '--capabilities', '{"gpu":2}', '--idle', '60']).ended
    const status = JSON.parse((await sandbox.msgvan(['status', '--json']).ended).stdout) as VanStatus
    expect(status.host.capabilities).to.deep.equal({ gpu: 2 })
  })

  it('host in the foreground ends in order by Ctrl-C, with exit code 0', async () => {
    const host = sandbox.msgvan(['host'])
    await host.shows(/listening on 127\.0\.0\.1:\d+ \(pid \d+\)/)
    expect(await host.kill('SIGINT')).to.include({ code: 0, signal: null, stdout: '' })
  })
})
