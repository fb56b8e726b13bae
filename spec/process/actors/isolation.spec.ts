import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { connect } from '../../../src/client/index.js'
import type { Bus } from '../../../src/index.js'
import { onlyOnLinux } from '../../support/requirement.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/confined.js', import.meta.url))
const elsewhere = fileURLToPath(new URL('../../../src/index.js', import.meta.url))
const token = 'a token that is long enough'

interface Place {
  readonly pid: number
  readonly isMainThread: boolean
  readonly env: readonly string[]
  readonly args: readonly string[]
}

describe('a handler or an actor', () => {
  let sandbox: Sandbox
  let host: Started
  let log: Started
  let bus: Bus
  let hostPid: number
  const open: Bus[] = []

  before(async () => {
    sandbox = await Sandbox.make()
    const flags = [
      '--root',
      dirname(module),
      '--worker-env',
      'ALLOWED',
      '--worker-memory',
      String(64 * 1024 ** 2),
    ]
    const env = { MSGVAN_TOKEN: token, OF_THIS_USER: 'x', ALLOWED: 'y' }
    host = sandbox.msgvan(['host', ...flags], { env })
    await host.shows(/listening/i)
    hostPid = await sandbox.hostPid()
    log = sandbox.msgvan(['logs', '--follow'])
  })

  after(() => sandbox.clean())

  beforeEach(() => {
    bus = busOn(sandbox, 'default')
    open.push(bus)
  })

  afterEach(() => Promise.all(open.splice(0).map(each => each.close({ drain: false }))))

  const guest = (): Bus => {
    const made = connect(`http://127.0.0.1:${sandbox.port}`, { token })
    open.push(made)
    return made
  }
  const handle = async (
    by: Bus,
    name: string,
    exported: string,
    options: Parameters<Bus['subscribeHandler']>[3] = {},
    pattern: RegExp | string = name,
  ): Promise<void> => {
    await by.subscribeHandler(name, { module, export: exported }, pattern, { delay: 0, ...options })
  }
  const told = async (name: string): Promise<Place> => {
    const [, , place = ''] = await log.shows(new RegExp(`(${name}) out told (.*) of 1`))
    return JSON.parse(place) as Place
  }
  const hostIsAlive = async (): Promise<void> => {
    expect(await sandbox.hostPid()).to.equal(hostPid)
  }

  it('runs in a thread with the whole environment for this user, or in a process on request', async () => {
    await handle(bus, 'own-thread', 'tell')
    await handle(bus, 'own-process', 'tell', { isolation: 'process' })
    await bus.publish('own-thread')
    await bus.publish('own-process')
    const thread = await told('own-thread')
    const process_ = await told('own-process')
    expect(thread).to.include({ pid: hostPid, isMainThread: false })
    expect(process_.isMainThread).to.equal(true)
    expect(process_.pid).not.to.equal(hostPid)
    for (const { env } of [thread, process_])
      expect(env).to.include.members(['PATH', 'OF_THIS_USER', 'ALLOWED'])
  })

  it('runs in a process for a caller with a token, without the environment of this user', async () => {
    const other = guest()
    await handle(other, 'others', 'tell', { isolation: 'thread' })
    await other.publish('others')
    const actor = await other.actors.create({ module, export: 'Where' }, { isolation: 'thread' })
    const places = [await told('others'), await firstValueFrom(actor.ask<Place>('where'))]
    for (const { pid, isMainThread, env, args } of places) {
      expect(pid).not.to.equal(hostPid)
      expect(isMainThread).to.equal(true)
      expect(env).to.include.members(['PATH', 'HOME', 'ALLOWED', 'MSGVAN_HOME', 'MSGVAN_PORT'])
      expect(env).not.to.include.members(['OF_THIS_USER'])
      expect(env).not.to.include.members(['MSGVAN_TOKEN'])
      expect(args).to.deep.equal(['--max-old-space-size=64'])
    }
    // The worker has no more rights than the caller: this one is outside the roots.
    const create = { module: elsewhere, export: 'none' }
    expect(await firstValueFrom(actor.ask(create))).to.match(/outside the roots/)
    const own = await bus.actors.create({ module, export: 'Where' })
    expect(await firstValueFrom(own.ask<Place>('where'))).to.include({ pid: hostPid, isMainThread: false })
    expect(await firstValueFrom(own.ask(create))).to.match(/no actor exported/)
    await own.stop()
    await actor.stop()
  })

  it('does not end its host when its process aborts, and works again', async () => {
    await handle(bus, 'aborts', 'abortOnce', { isolation: 'process' })
    await bus.publish('aborts')
    const [, pid] = await log.shows(/aborts out survived in (\d+)/)
    expect(Number(pid)).not.to.equal(hostPid)
    await log.shows(/aborts err crashed: it ended with SIGABRT/)
    await hostIsAlive()
  })

  it('does not end its host when the engine of its process crashes on a pattern', async () => {
    const pattern = new RegExp(String.raw`^go|((?:.[\P{Any}]{1,}μ(?:)*?).)Σ+?Ა\s`, 'v')
    await handle(bus, 'match', 'readMatch', { isolation: 'process' }, pattern)
    await bus.publish('gone')
    await log.shows(/match out read at attempt \d/)
    await hostIsAlive()
  })

  it('ends when it exceeds its memory, and is started again; the host goes on', async function () {
    this.timeout(120_000)
    for (const isolation of ['thread', 'process'] as const) {
      const name = `fills-${isolation}`
      await handle(bus, name, 'fill', { isolation })
      await bus.publish(name)
      await log.shows(new RegExp(`${name} err crashed: `))
      await log.shows(new RegExp(`${name} out filled 0`))
    }
    await hostIsAlive()
  })

  it('costs the host only the beginning of a line of 200 MB', async function () {
    onlyOnLinux(this)
    this.timeout(120_000)
    await handle(bus, 'prints', 'printMuch', { isolation: 'process' })
    await bus.publish('prints')
    await log.shows(/prints out after/)
    const [, cut = ''] = await log.shows(/prints out (x+) … \(longer than/)
    expect(cut.length).to.be.within(10_000, 100_000)
    const peak = /VmHWM:\s*(\d+) kB/.exec(await readFile(`/proc/${hostPid}/status`, 'utf8'))
    expect(Number(peak?.[1])).to.be.lessThan(400_000)
  })
})
