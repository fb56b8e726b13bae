import { join } from 'node:path'
import { expect } from 'chai'
import type { Bus } from '../../../src/index.js'
import { Convention } from '../../support/convention.js'
import { eventually } from '../../support/eventually.js'
import { collect, payloads, untilStatus } from '../../support/messages.js'
import { otherVersion } from '../../support/other-version.js'
import { busOn } from '../../support/sandbox-bus.js'
import { Sandbox } from '../../support/sandbox.js'

/** Longer than a restart takes. */
const LATER = 600_000

describe('delayed messages and ids at a restart of a host without a store', () => {
  let sandbox: Sandbox
  const buses: Bus[] = []
  const open = (): Bus => {
    const bus = busOn(sandbox, 'default')
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

  it('goes on with both: each message once and never early, ids are known, and cancel works', async () => {
    const bus = open()
    const seen: { payload: unknown; at: number }[] = []
    const got = collect(bus.topic('t'))
    bus.topic('t').subscribe(({ payload }) => seen.push({ payload, at: Date.now() }))
    await bus.ready()
    const due = new Date(Date.now() + 4_000)
    await bus.publish('t', 'now', { id: 'now' })
    await bus.publish('t', 'by delay', { id: 'by delay', delay: 4_000 })
    await bus.publish('t', 'by time', { at: due, headers: { trace: '7' } })
    await bus.publish('t', 'cancelled', { id: 'cancelled', delay: LATER })
    await bus.publish('t', 'later', { id: 'later', delay: LATER })
    await restart()
    // On a busy machine two of the four are not delayed any more.
    expect((await bus.status()).delayed?.messages).to.be.within(2, 4)
    expect(await bus.cancel('cancelled')).to.equal(true)
    expect(await bus.cancel('cancelled')).to.equal(false)
    for (const id of ['now', 'by delay', 'later']) await open().publish('t', 'again', { id })
    await got.first(3)
    await restart()
    expect(await bus.cancel('now')).to.equal(false)
    for (const id of ['now', 'by delay', 'later']) await bus.publish('t', 'again', { id })
    expect(await bus.cancel('later')).to.equal(true)
    await bus.publish('t', 'end')
    expect(payloads(await got.first(4))).to.have.members(['now', 'by delay', 'by time', 'end'])
    expect(got.values.find(({ payload }) => payload === 'by time')?.headers).to.deep.equal({ trace: '7' })
    for (const { at } of seen.filter(({ payload }) => String(payload).startsWith('by ')))
      expect(at).to.be.at.least(due.getTime())
  })

  it('goes on with those that wait for room: due ones, and one with an id', async () => {
    const bus = open()
    bus.topic('t', { name: 'full', maxPending: 1 }).subscribe().unsubscribe()
    await bus.ready()
    await bus.publish('t', 1)
    await bus.publish('t', 2, { delay: 1 })
    await untilStatus(bus, 'full', { pending: 1, held: 1 })
    const waits = bus.publish('t', 3, { id: 'waits' })
    await untilStatus(bus, 'full', { pending: 1, held: 2 })
    await restart()
    const got = collect(bus.topic('t', { name: 'full', maxPending: 1 }))
    await waits
    await bus.publish('t', 3, { id: 'waits' })
    await bus.publish('t', 4)
    expect(payloads(await got.first(4))).to.deep.equal([1, 2, 3, 4])
  })

  it('a host with a store keeps them from then on', async () => {
    const bus = open()
    await bus.publish('t', 1, { id: 'a', delay: LATER })
    await bus.publish('t', 2, { id: 'b' })
    await restart('--store', join(sandbox.home, 'store'))
    process.kill(await sandbox.hostPid(), 'SIGKILL')
    expect(await sandbox.msgvan(['start']).ended).to.include({ code: 0 })
    expect((await bus.status()).delayed).to.include({ messages: 1 })
    const got = collect(bus.topic('t'))
    await bus.ready()
    await bus.publish('t', 3, { id: 'b' })
    expect(await bus.cancel('a')).to.equal(true)
    await bus.publish('t', 4)
    expect(payloads(await got.first(1))).to.deep.equal([4])
  })

  it('another protocol has them too, and gives them back', async () => {
    const other = await otherVersion(sandbox.home, { protocol: 99, version: '9.8.7' })
    const bus = open()
    bus.topic('t', { name: 'work' }).subscribe().unsubscribe()
    await bus.ready()
    await bus.publish('t', 'soon', { id: 'soon', delay: 1 })
    await untilStatus(bus, 'work', { pending: 1 })
    await bus.publish('t', 'later', { id: 'later', delay: LATER })
    // It would come back for its share when a host of its protocol is there again.
    await bus.close({ drain: false })
    const { code, stderr } = await sandbox.node([other.main, 'restart']).ended
    expect(code, stderr).to.equal(0)
    const { stdout } = await sandbox.node([other.main, 'status', '--json']).ended
    expect(JSON.parse(stdout)).to.have.nested.property('delayed.messages', 1)
    await restart()
    const again = open()
    await again.publish('t', 'soon', { id: 'soon' })
    await again.publish('t', 'later', { id: 'later' })
    expect(await again.cancel('later')).to.equal(true)
    await again.publish('t', 'end')
    const got = collect(again.topic('t', { name: 'work' }))
    expect(payloads(await got.first(2))).to.deep.equal(['soon', 'end'])
  })
})

describe('delayed messages and ids at a restart of one of several hosts without a store', () => {
  let hosts: Convention
  beforeEach(async () => {
    hosts = await Convention.start(1)
  })
  afterEach(() => hosts.clean())

  it('each comes once under load, whichever host restarts', async () => {
    const [near, far] = [hosts.leader.bus(), hosts.follower(0).bus()]
    const got = [near, far].map(bus => collect(bus.topic<string>('t')))
    const named = collect(far.topic<string>('t', { name: 'work' }))
    const errors = [near, far].map(bus => collect(bus.errors$))
    for (const bus of [near, far]) await bus.ready()
    let isOver = false
    const publishing = [near, far].map(async (bus, at) => {
      const sent: string[] = []
      while (!isOver) {
        const payload = `${at}:${sent.length}`
        const id = sent.length % 2 === 0 ? { id: payload } : {}
        await bus.publish('t', payload, { delay: 200 + (sent.length % 7), ...id })
        sent.push(payload)
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      return sent
    })
    await hosts.leader.restart()
    await hosts.follower(0).restart()
    await hosts.leader.restart()
    isOver = true
    const all = (await Promise.all(publishing)).flat()
    for (const id of all) if (Number(id.split(':')[1]) % 2 === 0) await far.publish('t', id, { id })
    for (const each of [...got, named]) {
      await eventually(() => expect(new Set(payloads(each.values)).size).to.equal(all.length), 20_000)
      expect(payloads(each.values)).to.have.members(all)
    }
    for (const each of errors) expect(each.values).to.deep.equal([])
  })
})
