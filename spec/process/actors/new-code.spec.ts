import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'chai'
import { firstValueFrom } from 'rxjs'
import { connect } from '../../../src/client/index.js'
import { askHost } from '../../../src/daemon/find/ask.js'
import type { ActorRef, Bus } from '../../../src/index.js'
import { certificateFor } from '../../support/certificate.js'
import { eventually } from '../../support/eventually.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'
import type { Started } from '../../support/processes.js'

const index = new URL('../../../src/index.js', import.meta.url).href

describe('new code of what a host runs', () => {
  let sandbox: Sandbox
  let module: string
  let bus: Bus

  const write = (says: string) =>
    writeFile(
      module,
      `import { Actor, defineActor } from ${JSON.stringify(index)}
       export const speaker = defineActor({ setup: () => ({ receive: () => ${JSON.stringify(says)} }) })
       export class Writer extends Actor { static requires = { writer: true }; receive() { return ${JSON.stringify(says)} } }
       export const printer = ({ payload }) => console.log(${JSON.stringify(says)}, payload)`,
    )
  const says = (ref: ActorRef) => firstValueFrom(ref.ask<string>())

  beforeEach(async () => {
    sandbox = await Sandbox.make()
    module = join(sandbox.home, 'code.mjs')
    await write('old')
  })

  afterEach(async () => {
    await bus.close({ drain: false })
    await sandbox.clean()
  })

  const register = async (): Promise<ActorRef> => {
    bus = busOn(sandbox, randomUUID())
    const speaker = await bus.actors.create({ module, export: 'speaker' }, { name: 'speaker' })
    await bus.subscribeHandler('printer', { module, export: 'printer' }, 'print')
    await bus.subscribeActor('to speaker', speaker, 'speak')
    return speaker
  }

  it('is taken with --watch as soon as its file changes; what does not load changes nothing', async () => {
    const host: Started = sandbox.msgvan(['host', '--watch', '--verbose'])
    await host.shows(/listening/i)
    const speaker = await register()
    expect(await says(speaker)).to.equal('old')
    await writeFile(module, 'this is no program')
    await host.shows(/has changed, and its handlers and actors still run the old code/)
    expect(await says(speaker)).to.equal('old')
    await write('new')
    await eventually(async () => expect(await says(speaker)).to.equal('new'))
    await eventually(async () => {
      await bus.publish('print', 'it')
      expect(host.stdout).to.match(/printer: new it/)
    })
    await speaker.stop()
    expect((await bus.status()).actors).to.deep.equal([])
  })

  it('is taken by restart, which keeps what is registered: names, handlers, actors and their refs', async () => {
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    const speaker = await register()
    const van = ['--van', bus.name]
    await sandbox.script(
      'const bus = msgvan.van({ capabilities: { writer: true } }); await bus.ready(); await bus.close()',
    ).ended
    const writer = await bus.actors.create({ module, export: 'Writer' }, { name: 'writer' })
    const kept = bus.topic(/^kept/, { name: 'kept' }).subscribe()
    await bus.ready()
    kept.unsubscribe()
    await write('new')
    const restarted = await sandbox.msgvan(['restart']).ended
    expect(restarted).to.include({ code: 0 })
    expect(await says(speaker)).to.equal('new')
    expect((await bus.actors.find('speaker'))?.id).to.equal(speaker.id)
    expect(await says(writer), 'what it requires is there still').to.equal('new')
    const names = await eventually(async () => {
      const { subscriptions } = await bus.status()
      const named = subscriptions.flatMap(({ name, consumers }) =>
        name === undefined ? [] : [{ name, consumers }],
      )
      expect(named.filter(({ consumers }) => consumers === 1)).to.have.length(4)
      return named.map(({ name }) => name)
    })
    expect(names).to.have.members([
      'kept',
      'printer',
      'to speaker',
      `$actor/${speaker.id}`,
      `$actor/${writer.id}`,
    ])
    await bus.publish('print', 'it')
    const log = sandbox.msgvan(['logs', '--follow'])
    await log.shows(/printer out new it/)
    await bus.publish('kept', 'message')
    const got = await sandbox.msgvan(['sub', '^kept', '--name', 'kept', '--count', '1', ...van]).ended
    expect(got.stdout).to.equal('kept message\n')
  })

  it('restart keeps the options of the host, its token too, and never shows the token', async () => {
    const { cert, key, pem } = await certificateFor(sandbox.home, ['127.0.0.1'])
    const token = 'known to the host before alone'
    const started = [
      ...['start', '--leader', '--listen', '0.0.0.0', '--root', sandbox.home, '--heartbeat', '3'],
      ...['--store', join(sandbox.home, 'store'), '--tls-cert', cert, '--tls-key', key, '--idle', '300'],
    ]
    expect(await sandbox.msgvan(started, { env: { MSGVAN_TOKEN: token } }).ended).to.include({ code: 0 })
    bus = busOn(sandbox, randomUUID())
    const settings = () => askHost(sandbox, broker => broker.callHost('settings'))
    const before = await settings()
    expect(before).to.include({ leader: true, token, idle: '300' })
    for (const args of [['restart'], ['restart', '--json']]) {
      const restarted = await sandbox.msgvan(args).ended
      expect(restarted).to.include({ code: 0 })
      expect(restarted.stdout + restarted.stderr).not.to.contain(token)
      expect(await settings()).to.deep.equal(before)
    }
    const guest = connect(`https://127.0.0.1:${sandbox.port}`, { token, ca: pem })
    await guest.ready()
    expect((await guest.status()).host).to.include({ leader: true })
    await guest.close()
    const other = ['restart', '--join', 'http://127.0.0.1:1', '--idle', '200']
    expect(await sandbox.msgvan(other).ended).to.include({ code: 0 })
    expect(await settings()).to.include({ join: 'http://127.0.0.1:1', idle: '200', heartbeat: '3' })
    expect(await settings()).to.have.property('leader', undefined)
    const refused = await sandbox.msgvan(['restart', '--tls-cert', cert]).ended
    expect(refused.stderr).to.match(/goes with its key/)
    expect(await settings(), 'it runs still').to.include({ idle: '200' })
  })
})
