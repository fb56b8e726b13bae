import { closeSync, openSync } from 'node:fs'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { isDeadWithin } from '../../src/daemon/gone.js'
import { launch } from '../../src/daemon/launch.js'
import { isAlive } from '../../src/state/pid-hint.js'
import { Sandbox } from '../support/sandbox.js'
import { onlyOnLinux } from '../support/requirement.js'

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

  it('goes on when that process is killed', async () => {
    const process_ = sandbox.script(starter)
    const pid = Number((await process_.shows(/host (\d+)/))[1])
    sandbox.owns(pid)
    await process_.kill('SIGKILL')
    expect(await sandbox.hostPid()).to.equal(pid)
  })

  it('goes on when whatever descends from that process, or is in its group or session, is killed', async function () {
    onlyOnLinux(this)
    const process_ = sandbox.script(`
      const { spawn } = await import('node:child_process')
      console.log('child', spawn('sleep', ['1000']).pid)
      console.log('detached', spawn('sleep', ['1000'], { detached: true }).pid)
      ${starter}`)
    const host = Number((await process_.shows(/host (\d+)/))[1])
    sandbox.owns(host)
    const [child, detached] = await Promise.all(
      ['child', 'detached'].map(async what =>
        Number((await process_.shows(new RegExp(`${what} (\\d+)`)))[1]),
      ),
    )
    const tree = await descendants(process_.pid)
    expect(tree, 'the control').to.include.members([child, detached])
    const { group, session } = await placeOf(process_.pid)
    const itsPlace = await placeOf(host)
    expect(itsPlace.group).not.to.equal(group)
    expect(itsPlace.session).not.to.equal(session)
    for (const pid of tree) process.kill(pid, 'SIGKILL')
    await process_.kill('SIGKILL')
    expect(await sandbox.hostPid()).to.equal(host)
  })

  it('starts in the same way where there is no shell', async () => {
    const file = openSync(join(sandbox.home, 'output'), 'w')
    const say = `require('node:fs').writeSync(3, 'I am ' + process.pid + ' of ' + process.ppid + '\\n')`
    for (const shell of [undefined, '/nowhere/sh']) {
      const launched = await launch([process.execPath, '-e', `setTimeout(() => { ${say} }, 200)`], {
        cwd: '/',
        env: sandbox.env,
        output: file,
        ...(shell === undefined ? {} : { shell }),
      })
      const said: string[] = []
      for await (const line of launched.lines) said.push(line)
      expect(said).to.have.length(1)
      expect(Number(/of (\d+)$/.exec(said[0] ?? '')?.[1]), shell).not.to.equal(process.pid)
    }
    closeSync(file)
  })

  it('is ended when it takes too long', async () => {
    const up = `require('node:fs').writeSync(3, 'up ' + process.pid + '\\n')`
    const launched = await launch([process.execPath, '-e', `${up}; setInterval(() => undefined, 1e6)`], {
      cwd: '/',
      env: sandbox.env,
      output: 1,
    })
    let pid = 0
    for await (const line of launched.lines) {
      pid = Number(line.slice(3))
      expect(isAlive(pid)).to.equal(true)
      launched.kill()
    }
    expect(await isDeadWithin(5_000, pid)).to.equal(true)
  })

  it('is free of what was meant for that process alone', async function () {
    onlyOnLinux(this)
    const env = { NODE_OPTIONS: '--title=mine', NODE_UNIQUE_ID: '7', MSGVAN_VERBOSE: '1', MY_OWN: 'kept' }
    await sandbox.msgvan(['pub', 't'], { env: { ...env, NODE_UNIQUE_ID: undefined } }).ended
    const pid = await sandbox.hostPid()
    expect(isAlive(pid)).to.equal(true)
    const environment = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0')
    expect(environment).to.include('MY_OWN=kept')
    expect(environment.filter(each => /^NODE_(OPTIONS|UNIQUE_ID|CHANNEL_FD)=./.test(each))).to.deep.equal([])
    expect(await readlink(`/proc/${pid}/cwd`)).to.equal('/')
  })

  it('says why it could not start, with its own last words', async () => {
    const { code, stderr } = await sandbox.msgvan(['pub', 't'], { env: { MSGVAN_IDLE: 'soon' } }).ended
    expect(code).to.equal(1)
    expect(stderr).to.match(/could not be started.*MSGVAN_IDLE|could not be started.*--idle/)
    expect(stderr).to.contain('MSGVAN_HOST_UNREACHABLE')
    expect(stderr.trimEnd().split('\n')).to.have.length(1)
  })
})

/** Where a process stands among all others. */
async function placeOf(pid: number): Promise<{ parent: number; group: number; session: number }> {
  // "pid (name) state parent group session …", where the name may hold anything.
  const [, parent, group, session] = (await readFile(`/proc/${pid}/stat`, 'utf8'))
    .replace(/^.*\) /s, '')
    .split(' ')
  return { parent: Number(parent), group: Number(group), session: Number(session) }
}

/** Its children, their children, and so on. */
async function descendants(ancestor: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(name => /^\d+$/.test(name)).map(Number)
  const places = await Promise.all(
    pids.map(async pid => ({ pid, parent: (await placeOf(pid).catch(() => undefined))?.parent })),
  )
  const found = [ancestor]
  for (const one of found) found.push(...places.filter(({ parent }) => parent === one).map(({ pid }) => pid))
  return found.slice(1)
}
