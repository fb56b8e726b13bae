import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { connect } from '../../../src/client/index.js'
import type { ActorRef, Bus } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const module = fileURLToPath(new URL('../../../../spec/fixtures/limited.js', import.meta.url))
const root = dirname(module)
const limited = { module, export: 'Limited' }
const forbidden = 'MSGVAN_FORBIDDEN'

describe('the code of a principal', () => {
  let sandbox: Sandbox
  let host: Started
  let log: Started
  const open: Bus[] = []

  const principals = (...args: string[]) => sandbox.msgvan(['principals', ...args]).ended
  const startHost = async (...flags: string[]): Promise<void> => {
    host = sandbox.msgvan(['host', '--root', root, ...flags])
    await host.shows(/listening/)
  }
  const rights = ['--publish', 'work|out', '--subscribe', 'work|out', '--names', 'work']
  const code = ['--handlers', root, '--actors', root]

  beforeEach(async () => {
    sandbox = await Sandbox.make()
  })
  afterEach(async () => {
    await Promise.all(open.splice(0).map(each => each.close({ drain: false })))
    await sandbox.clean()
  })

  const principal = async (name: string, ...options: string[]): Promise<string> => {
    const { stdout, stderr } = await principals('add', name, ...options)
    expect(stderr).to.match(/has a new token/)
    return stdout.trim()
  }
  const busOf = (token: string): Bus => {
    const bus = connect(`http://127.0.0.1:${sandbox.port}`, { token })
    open.push(bus)
    return bus
  }
  const ask = (ref: ActorRef, payload: unknown) => firstValueFrom(ref.ask(payload, { timeout: 20_000 }))

  it('in an actor publishes, subscribes and creates with the rights of the principal, and so do its children', async () => {
    const token = await principal('ada', ...rights, ...code)
    await startHost()
    const actor = await busOf(token).actors.create(limited)
    const attempts = [
      [{ act: 'publish', topic: 'out' }, 'done'],
      [{ act: 'publish', topic: 'secret' }, forbidden],
      [{ act: 'subscribe', topic: 'out' }, 'done'],
      [{ act: 'subscribe', topic: 'secret' }, forbidden],
    ] as const
    for (const [payload, outcome] of attempts) {
      expect(await ask(actor, payload), JSON.stringify(payload)).to.equal(outcome)
      const byChild = await ask(actor, { act: 'child', ask: payload })
      expect(byChild, `a child: ${JSON.stringify(payload)}`).to.equal(outcome)
    }
    const elsewhere = {
      module: fileURLToPath(new URL('../../../src/index.js', import.meta.url)),
      export: 'x',
    }
    expect(await ask(actor, { act: 'create', actor: elsewhere })).to.equal(forbidden)
  })

  it('in a handler has the rights of the principal, also in a bus that it makes for itself', async () => {
    const token = await principal('ada', ...rights, ...code)
    await startHost()
    log = sandbox.msgvan(['logs', '--follow'])
    const bus = busOf(token)
    await bus.subscribeHandler('work', { module, export: 'tryByOwnBus' }, 'work', { delay: 0 })
    await bus.publish('work', { act: 'publish', topic: 'out' })
    await log.shows(/tried publish out: done/)
    await bus.publish('work', { act: 'publish', topic: 'secret' })
    await log.shows(/tried publish secret: MSGVAN_FORBIDDEN/)
    await bus.publish('work', { act: 'subscribe', topic: 'secret' })
    await log.shows(/tried subscribe secret: MSGVAN_FORBIDDEN/)
  })

  it("has this user's rights where this user started it", async () => {
    await principal('ada')
    await startHost()
    const bus = busOn(sandbox, 'default')
    open.push(bus)
    const actor = await bus.actors.create(limited)
    expect(await ask(actor, { act: 'publish', topic: 'secret' })).to.equal('done')
  })

  it('keeps those rights over a restart of its host with a store, and over new rights', async () => {
    const token = await principal('ada', ...rights, ...code)
    await startHost('--store', `${sandbox.home}/store`)
    const actor = await busOf(token).actors.create(limited)
    expect(await ask(actor, { act: 'publish', topic: 'secret' })).to.equal(forbidden)
    await host.kill('SIGKILL')
    await startHost('--store', `${sandbox.home}/store`)
    expect(await ask(actor, { act: 'publish', topic: 'secret' })).to.equal(forbidden)
    expect(await ask(actor, { act: 'publish', topic: 'out' })).to.equal('done')
    await principals('add', 'ada', '--publish', 'secret')
    await eventually(async () =>
      expect(await ask(actor, { act: 'publish', topic: 'secret' })).to.equal('done'),
    )
  })
})
