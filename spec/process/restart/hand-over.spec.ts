import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { RemoteBroker } from '../../../src/client/remote-broker.js'
import { hostUrl } from '../../../src/daemon/find/listens.js'
import { localSecret } from '../../../src/state/secret.js'
import { isGoneWithin } from '../../../src/daemon/gone.js'
import { handle, type Bus } from '../../../src/index.js'
import { PROTOCOL } from '../../../src/wire/protocol.js'
import { identityOf } from '../../support/identity.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, publishAll, statusOf, untilStatus, upTo } from '../../support/messages.js'
import { otherVersion } from '../../support/other-version.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'

describe('restart of a host without a store', () => {
  let sandbox: Sandbox
  const buses: Bus[] = []
  const open = (van = 'default'): Bus => {
    const bus = busOn(sandbox, van)
    buses.push(bus)
    return bus
  }
  const restart = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await sandbox.msgvan(['restart', ...args]).ended
    expect(code, stderr).to.equal(0)
  }

  beforeEach(async () => {
    sandbox = await Sandbox.make()
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(bus => bus.close({ drain: false })))
    await sandbox.clean()
  })

  it('loses nothing under load: 20 publishers, in order; what comes again is flagged, and no client hears of a gap', async () => {
    const consumers = [open(), open(), open()] as const
    const publishers = upTo(20).map(() => open())
    const errors = [...consumers, ...publishers].map(bus => collect(bus.errors$))
    const [first, second, third] = consumers
    const alone = collect(first.topic<string>(/^t/, { name: 'alone' }))
    const unnamed = collect(second.topic<string>(/^t/))
    const ordered = collect(third.topic<string>(/^t/, { name: 'ordered', ordered: true }))
    const shared = new Set<string>()
    const again: boolean[] = []
    for (const bus of consumers)
      bus
        .topic<string>(/^t/, { name: 'shared' })
        .pipe(
          handle(
            async message => {
              if (shared.has(message.payload)) again.push(message.redelivered)
              shared.add(message.payload)
              await new Promise(resolve => setImmediate(resolve))
            },
            { concurrency: 4 },
          ),
        )
        .subscribe()
    await Promise.all([...consumers, ...publishers].map(bus => bus.ready()))

    let isOver = false
    const published = publishers.map(async (bus, at) => {
      let sent = 0
      while (!isOver) {
        await bus.publish('t', `${at}:${(sent += 1)}`)
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      return sent
    })
    for (let round = 0; round < 3; round += 1) await restart()
    isOver = true
    const counts = await Promise.all(published)
    const total = counts.reduce((sum, count) => sum + count, 0)
    expect(total).to.be.above(200)
    for (const each of [alone, unnamed, ordered]) {
      const got = await eventually(() => {
        expect(each.values).to.have.lengthOf(total)
        return each.values
      }, 45_000)
      for (const [at, count] of counts.entries()) {
        const own = payloads(got).filter(payload => String(payload).startsWith(`${at}:`))
        expect(own).to.deep.equal(upTo(count).map(n => `${at}:${n}`))
      }
    }
    for (const name of ['alone', 'ordered', 'shared'])
      await untilStatus(first, name, { pending: 0, inFlight: 0 })
    expect(shared.size).to.equal(total)
    expect(again).to.deep.equal(again.map(() => true))
    for (const each of errors) expect(each.values).to.deep.equal([])
  })

  it('hands over pending messages with failures and delays, dead letters and counts, and leaves no file behind', async () => {
    const bus = open()
    const got = collect(
      bus.topic(/^t/, { name: 'work', attempts: 3, delay: 600_000, ack: 'manual', prefetch: 2 }),
    )
    await bus.ready()
    await publishAll(bus, 't', upTo(500))
    await got.first(2)
    got.values[0]?.nack()
    got.values[1]?.reject('no')
    await untilStatus(bus, 'work', { failed: 2 })
    got.unsubscribe()
    await bus.ready()
    const before = await statusOf(bus, 'work')
    const letters = await bus.deadLetters().list()
    const { counters } = await bus.status()
    await restart()
    expect(await statusOf(bus, 'work')).to.deep.equal(before)
    expect(await bus.deadLetters().list()).to.deep.equal(letters)
    expect((await bus.status()).counters).to.deep.equal(counters)
    for (const file of ['handover', 'handover.new', 'registrations'])
      expect(existsSync(join(sandbox.home, `host-${sandbox.port}.${file}`)), file).to.equal(false)
  })

  it('leaves a host that cannot write as it was, and exits with 1', async () => {
    const bus = open()
    const pid = await sandbox.hostPid()
    bus.topic('t', { name: 'work' }).subscribe().unsubscribe()
    await bus.ready()
    await publishAll(bus, 't', upTo(5))
    const inTheWay = `${sandbox.paths.handOver(sandbox.port)}.new`
    await mkdir(inTheWay)
    const { code, stderr } = await sandbox.msgvan(['restart']).ended
    expect(code).to.equal(1)
    expect(stderr).to.match(/cannot be written .* The host runs on/)
    expect(await sandbox.hostPid()).to.equal(pid)
    await bus.publish('t', 6)
    const got = collect(bus.topic('t', { name: 'work' }))
    expect(payloads(await got.first(6))).to.deep.equal(upTo(6))
    // Whoever says so loses what waits.
    await bus.publish('none', 1)
    got.unsubscribe()
    await restart('--lose-waiting')
    expect(await sandbox.hostPid()).to.not.equal(pid)
  })

  it('leaves what was handed over for the next one, if the new one does not come up', async () => {
    const bus = open()
    const pid = await sandbox.hostPid()
    const got = collect(bus.topic('t', { name: 'work' }))
    await bus.ready()
    got.unsubscribe()
    await publishAll(bus, 't', upTo(5))
    const asking = new RemoteBroker({
      url: hostUrl(sandbox.port),
      van: 'default',
      client: identityOf('asks'),
      secret: async () => ({ secret: await localSecret(sandbox.paths) }),
    })
    expect(await asking.callHost('handOver', { client: identityOf('asks').id })).to.equal(true)
    await asking.close({ drain: false })
    expect(await isGoneWithin(10_000, pid, sandbox.port)).to.equal(true)
    expect(existsSync(sandbox.paths.handOver(sandbox.port))).to.equal(true)
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    expect(await statusOf(bus, 'work')).to.include({ pending: 5 })
    expect(existsSync(sandbox.paths.handOver(sandbox.port))).to.equal(false)
  })

  it('hands over mail of actors and messages for handlers, which begin anew', async () => {
    const module = join(sandbox.home, 'code.mjs')
    const index = new URL('../../../src/index.js', import.meta.url).href
    await writeFile(
      module,
      `import { defineActor } from ${JSON.stringify(index)}
       export const slow = defineActor({ setup: context => ({ receive: async ({ payload }) => {
         await context.bus.publish('seen', payload)
         if (payload === 'first') await new Promise(() => {})
       } }) })
       export const handler = async ({ payload }) => { if (payload === 'stop') await new Promise(() => {}) }`,
    )
    const bus = open()
    const seen = collect(bus.topic('seen'))
    const actor = await bus.actors.create({ module, export: 'slow' }, { name: 'slow' })
    await bus.subscribeHandler('handler', { module, export: 'handler' }, 'work')
    await bus.ready()
    await actor.tell('first')
    await seen.first(1)
    for (const n of upTo(10)) await actor.tell(n)
    await bus.publish('work', 'stop')
    await publishAll(bus, 'work', upTo(10))
    await untilStatus(bus, 'handler', { inFlight: 11 })
    await restart()
    // The one that it had in hand comes again, and holds it up again.
    expect(payloads(await seen.first(2))).to.deep.equal(['first', 'first'])
    await untilStatus(bus, `$actor/${actor.id}`, { inFlight: 11, consumers: 1 })
    await untilStatus(bus, 'handler', { inFlight: 11, consumers: 1 })
  })

  it('keeps handlers that still load from the restart before, and their messages', async () => {
    const [module, waits, done] = ['code.mjs', 'waits', 'done'].map(name => join(sandbox.home, name))
    if (module === undefined || waits === undefined || done === undefined) return expect.fail()
    await writeFile(
      module,
      `import { appendFileSync, existsSync } from 'node:fs'
       while (existsSync(${JSON.stringify(waits)})) await new Promise(resolve => setTimeout(resolve, 10))
       export const handler = ({ payload }) => appendFileSync(${JSON.stringify(done)}, payload + '\\n')`,
    )
    const bus = open()
    await bus.subscribeHandler('handler', { module, export: 'handler' }, 'work')
    await writeFile(waits, '')
    for (const n of upTo(2)) {
      await restart()
      await bus.publish('work', n)
    }
    await rm(waits)
    await eventually(async () => expect(await readFile(done, 'utf8')).to.equal('1\n2\n'), 20_000)
  })

  it('is refused while messages wait in an older host, which hands nothing over, unless they may be lost', async () => {
    await sandbox.msgvan(['stop']).ended
    const older = await otherVersion(sandbox.home, { protocol: PROTOCOL, version: '0.0.9' })
    const source = join(dirname(older.main), '../host/process/run-host.js')
    const text = await readFile(source, 'utf8')
    await writeFile(
      source,
      text.replace('await writeSettings(', '(() => undefined)(').replace("=== 'handOver'", "=== 'unknown'"),
    )
    const running = sandbox.node([older.main, 'host', '--fresh'])
    await running.shows(/listening/)
    await rm(sandbox.paths.settings(sandbox.port), { force: true })
    const bus = open()
    bus.topic('t', { name: 'work' }).subscribe().unsubscribe()
    await bus.ready()
    await publishAll(bus, 't', upTo(3))
    const refused = await sandbox.msgvan(['restart']).ended
    expect(refused.code).to.equal(1)
    expect(refused.stderr).to.match(/3 messages wait in its memory.* --lose-waiting/s)
    expect(await statusOf(bus, 'work')).to.include({ pending: 3 })
    await restart('--lose-waiting')
    expect(await statusOf(bus, 'work')).to.include({ pending: 0 })
  })

  it('hands over to a host with a store, which owes it from then on', async () => {
    const bus = open()
    const got = collect(bus.topic('t', { name: 'work', ack: 'manual', prefetch: 2, attempts: 3 }))
    await bus.ready()
    await publishAll(bus, 't', upTo(100))
    await got.first(2)
    got.values[0]?.reject('no')
    await untilStatus(bus, 'work', { deadLettered: 1 })
    const letters = await bus.deadLetters().list()
    await restart('--store', join(sandbox.home, 'store'))
    got.values[1]?.ack()
    await untilStatus(bus, 'work', { acked: 1, inFlight: 2 })
    got.unsubscribe()
    await bus.ready()
    process.kill(await sandbox.hostPid(), 'SIGKILL')
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    await untilStatus(bus, 'work', { pending: 98 })
    expect(await bus.deadLetters().list()).to.deep.equal(letters)
    const rest = collect(bus.topic('t', { name: 'work' }))
    expect(payloads(await rest.first(98))).to.have.members(upTo(100).slice(2))
  })

  it('keeps publishers waiting that a full subscription holds, and what they published', async () => {
    const bus = open()
    bus.topic('t', { name: 'full', maxPending: 3 }).subscribe().unsubscribe()
    const other = collect(bus.topic('t'))
    await bus.ready()
    const settled: number[] = []
    const published = upTo(6).map(n => bus.publish('t', n).then(() => settled.push(n)))
    await untilStatus(bus, 'full', { pending: 3, held: 3 })
    await restart()
    expect(await statusOf(bus, 'full')).to.include({ pending: 3, held: 3 })
    expect(settled).to.deep.equal([1, 2, 3])
    const got = collect(bus.topic('t', { name: 'full', maxPending: 3 }))
    expect(payloads(await got.first(6))).to.deep.equal(upTo(6))
    await Promise.all(published)
    expect(payloads(other.values)).to.deep.equal(upTo(6))
  })

  it('hands over to another protocol and back: messages, names, letters, marks', async () => {
    const other = await otherVersion(sandbox.home, { protocol: 99, version: '9.8.7' })
    const bus = open()
    const got = collect(bus.topic('t', { name: 'work', ack: 'manual', prefetch: 2 }))
    await bus.ready()
    await publishAll(bus, 't', upTo(100))
    await got.first(2)
    const upgraded = await sandbox.node([other.main, 'restart']).ended
    expect(upgraded.code, upgraded.stderr).to.equal(0)
    // It would come back for its share when a host of its protocol is there again.
    await bus.close({ drain: false })
    const said = await sandbox.node([other.main, 'status', '--json']).ended
    expect(JSON.parse(said.stdout)).to.have.nested.property('host.version', '9.8.7')
    const work = (JSON.parse(said.stdout) as { subscriptions: { name: string }[] }).subscriptions.find(
      ({ name }) => name === 'work',
    )
    expect(work).to.include({ pending: 100, inFlight: 0, consumers: 0 })
    await restart()
    const again = collect(open().topic('t', { name: 'work' }))
    const messages = await again.first(100)
    expect(payloads(messages)).to.have.members(upTo(100))
    expect(messages.slice(0, 3).map(({ redelivered }) => redelivered)).to.deep.equal([true, true, false])
  })
})
