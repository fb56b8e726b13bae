import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { RemoteBrokerOptions } from '../../../src/client/remote-broker.js'
import { readHandOver } from '../../../src/host/hand-over/read.js'
import { writeHandOver } from '../../../src/host/hand-over/write.js'
import type { HostServer } from '../../../src/host/listen/server.js'
import type { Bus, Message } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { clientOf, secret, startServer } from '../../support/host-server.js'
import { collect, payloads, publishAll, statusOf, untilStatus, upTo } from '../../support/messages.js'

describe('the memory of a host', () => {
  let folder: string
  let file: string
  let server: HostServer
  const servers: HostServer[] = []
  const buses: Bus[] = []

  const start = async (): Promise<HostServer> => {
    const started = await startServer({ secret })
    servers.push(started)
    return started
  }
  const open = (options: Partial<RemoteBrokerOptions> = {}): Bus => {
    const { bus } = clientOf(0, {
      locate: () => Promise.resolve(`http://127.0.0.1:${server.port}`),
      ...options,
    })
    buses.push(bus)
    return bus
  }
  const write = (): number =>
    writeHandOver(file, server.sessions.transfer.held, { host: 'spec', staysBehind: () => false })
  /** The host writes down what it has and ends; another one takes it in. */
  const handOver = async () => {
    await new Promise(resolve => setImmediate(resolve))
    write()
    server.sessions.transfer.abandon(() => false)
    const before = server
    const next = await start()
    const handed = readHandOver(file, next.sessions.transfer)
    server = next
    await before.close()
    return handed
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'msgvan-hand-over-'))
    file = join(folder, 'handover')
    server = await start()
  })
  afterEach(async () => {
    await Promise.all(buses.splice(0).map(bus => bus.close({ drain: false })))
    await Promise.all(servers.splice(0).map(each => each.close()))
    rmSync(folder, { recursive: true })
  })

  it('goes on in another one: names, pending messages, failures and delays, dead letters, counts', async () => {
    const bus = open()
    const named = bus.topic(/^t/, { name: 'work', attempts: 2, delay: 100_000, ack: 'manual', prefetch: 3 })
    const got = collect(named)
    await bus.ready()
    await publishAll(bus, 't', upTo(6))
    await got.first(3)
    got.values[0]?.nack()
    got.values[1]?.reject('not this one')
    await untilStatus(bus, 'work', { deadLettered: 1, failed: 2 })
    await got.first(5)
    got.unsubscribe()
    await bus.ready()
    const before = await statusOf(bus, 'work')
    expect(before).to.include({ pending: 5, inFlight: 0 })
    const letters = await bus.deadLetters().list()
    const counters = (await bus.status()).counters

    expect(await handOver()).to.deep.include({ isNew: true, messages: 5, trouble: [] })
    expect(statSync(file).mode & 0o777).to.equal(0o600)
    expect(await statusOf(bus, 'work')).to.deep.equal(before)
    expect(await bus.deadLetters().list()).to.deep.equal(letters)
    expect((await bus.status()).counters).to.deep.equal(counters)
    // One waits for its next attempt, the others for a consumer: those that were in hand are flagged.
    const again = collect(bus.topic(/^t/, { name: 'work', ack: 'manual' }))
    expect((await again.first(4)).map(({ payload, redelivered }) => [payload, redelivered])).to.deep.equal([
      [3, true],
      [4, true],
      [5, true],
      [6, false],
    ])
    expect(await bus.deadLetters().replay()).to.equal(1)
    expect((await again.first(5))[4]).to.include({ payload: 2, attempt: 1 })
  })

  it('goes on with its clients: what they hold stays with them, their verdicts count, nothing comes twice', async () => {
    const consumer = open()
    const publisher = open()
    const errors = [consumer, publisher].map(bus => collect(bus.errors$))
    const work = collect(consumer.topic(/^t/, { name: 'work', ack: 'manual', prefetch: 10 }))
    const unnamed = collect(consumer.topic(/^t/))
    await Promise.all([consumer.ready(), publisher.ready()])
    await publishAll(publisher, 't', upTo(20))
    await work.first(10)
    await unnamed.first(20)
    for (const message of work.values.slice(0, 4)) message.ack()
    work.values[4]?.nack({ delay: 50_000 })
    const late = publishAll(publisher, 't', upTo(30).slice(20))
    await handOver()
    for (const message of work.values.slice(5)) message.ack()
    await late
    await eventually(() => {
      for (const message of work.values) message.ack()
      expect(payloads(work.values)).to.have.lengthOf(30)
    })
    expect(payloads(work.values)).to.deep.equal(upTo(30))
    expect(work.values.filter(({ redelivered }) => redelivered)).to.deep.equal([])
    expect(payloads(await unnamed.first(30))).to.deep.equal(upTo(30))
    await untilStatus(publisher, 'work', { pending: 1, inFlight: 0, acked: 29, failed: 1 })
    for (const each of errors) expect(each.values).to.deep.equal([])
  })

  it('keeps the dead letters of a subscription that has ended apart from those of new ones', async () => {
    const [bus, other] = [open(), open()]
    const rejected = bus.topic('t', { ack: 'manual' }).subscribe(message => message.reject('not this one'))
    const kept = collect(other.topic('t'))
    await Promise.all([bus.ready(), other.ready()])
    const ended = collect(bus.topic('t', { ack: 'manual' }))
    await bus.ready()
    await bus.publish('t', 1)
    await ended.first(1)
    ended.values[0]?.reject('nor this one')
    await eventually(async () => expect(await bus.deadLetters().list()).to.have.lengthOf(2))
    rejected.unsubscribe()
    ended.unsubscribe()
    await bus.ready()
    await handOver()
    const letters = await bus.deadLetters().list()
    expect(letters).to.have.lengthOf(2)
    const fresh = collect(bus.topic('t'))
    await bus.ready()
    const ids = (await bus.status()).subscriptions.map(({ id }) => id)
    expect(ids).to.have.lengthOf(2)
    for (const { subscription } of letters) expect(ids).to.not.include(subscription)
    await bus.publish('t', 2)
    await Promise.all([kept.first(2), fresh.first(1)])
  })

  it('is read once: a second time adds nothing', async () => {
    const bus = open()
    bus.topic('t', { name: 'work' }).subscribe().unsubscribe()
    await bus.ready()
    await publishAll(bus, 't', upTo(3_000))
    await bus.publish('t', 'later', { delay: 600_000 })
    await handOver()
    expect(readHandOver(file, server.sessions.transfer)).to.deep.equal({
      isNew: false,
      messages: 0,
      sessions: 0,
      trouble: [],
    })
    expect(await statusOf(bus, 'work')).to.include({ pending: 3_000 })
    expect((await bus.status()).delayed).to.include({ messages: 1 })
  })

  it('reports a record that is damaged or torn on its way, and the rest of it goes on', async () => {
    const bus = open()
    bus.topic('t', { name: 'work' }).subscribe().unsubscribe()
    bus.topic('t', { name: 'other' }).subscribe().unsubscribe()
    await bus.ready()
    for (const n of upTo(8)) await bus.publish('t', new Uint8Array(100_000).fill(n))
    await bus.close()
    write()
    const whole = readFileSync(file)
    const pending = async (): Promise<number[]> => {
      const next = await start()
      const { trouble } = readHandOver(file, next.sessions.transfer)
      expect(trouble).to.not.deep.equal([])
      return next
        .broker('default')
        .transfer.subscriptions()
        .map(subscription => subscription.pending)
    }
    const flipped = Buffer.from(whole)
    const at = 150_000
    flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at)
    writeFileSync(file, flipped)
    const left = await pending()
    expect(left[0]).to.be.within(4, 7)
    expect(left[1]).to.equal(left[0])
    truncateSync(file, 500_000)
    expect(await pending()).to.have.lengthOf(1)
    writeFileSync(file, 'something else')
    const next = await start()
    expect(() => readHandOver(file, next.sessions.transfer)).to.throw(/record of the hand-over is missing/)
  })

  it('stays if it cannot be written: the host goes on as before', async () => {
    const bus = open()
    const got = collect(bus.topic('t', { name: 'work' }))
    await bus.ready()
    file = join(folder, 'none', 'handover')
    expect(write).to.throw(/ENOENT/)
    await publishAll(bus, 't', upTo(3))
    expect(payloads(await got.first(3))).to.deep.equal(upTo(3))
  })

  it('shares the bytes of messages that wait for several', async () => {
    const bus = open()
    const count = 2_000
    for (const name of ['a', 'b', 'c']) bus.topic('t', { name }).subscribe().unsubscribe()
    await bus.ready()
    await publishAll(
      bus,
      't',
      Array.from({ length: count }, () => 'x'.repeat(1_000)),
    )
    expect(write()).to.be.within(count * 1_000, count * 1_200)
    await handOver()
    const got = collect(bus.topic<string>('t', { name: 'b' }))
    const messages: Message<string>[] = await got.first(count)
    expect(new Set(messages.map(({ payload }) => payload.length))).to.deep.equal(new Set([1_000]))
  })
})
