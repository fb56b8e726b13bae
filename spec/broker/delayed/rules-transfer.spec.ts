import { expect } from 'chai'
import { VirtualTimeScheduler } from 'rxjs'
import { LocalBroker } from '../../../src/broker/local-broker.js'
import type { PublishRules } from '../../../src/bus/contract/options.js'
import type { SubscriptionRequest } from '../../../src/bus/contract/subscription-request.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { encodePayload } from '../../../src/codec/payload.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { noHeaders } from '../../../src/message/envelope.js'
import { nativeMatcher } from '../../../src/message/pattern.js'
import { MemoryStore } from '../../../src/store/memory-store.js'

const request: SubscriptionRequest = {
  ...{ pattern: 't', ordered: false, prefetch: 10_000, attempts: 1, delay: 0, ackTimeout: 0 },
  ...{ maxPending: 100_000, maxPendingBytes: 1_000_000, overflow: 'pause' },
}

/** A process. Its own clock begins at 0, its wall clock at `wall`; that one counts whole milliseconds. */
function start(wall: number, store?: MemoryStore) {
  const time = new VirtualTimeScheduler()
  const host = store && new HostStore({ store, warn: text => expect.fail(text) })
  const vanStore = host?.van('v')
  const broker = new LocalBroker({
    ...{ van: 'v', scheduler: time, wallClock: () => Math.floor(wall + time.now()), compile: nativeMatcher },
    ...{ hostStatus: () => expect.fail(), durableLog: vanStore, dedupe: 1_000 },
  })
  vanStore?.load()
  const seen: { body: unknown; at: number }[] = []
  broker.consume(request, {
    next: message => seen.push({ body: message.payload, at: wall + time.now() }),
    error: error => expect.fail(error.message),
    complete: () => undefined,
  })
  const until = async (now: number): Promise<void> => {
    time.maxFrames = now
    time.flush()
    time.frame = now
    await new Promise(resolve => setImmediate(resolve))
  }
  const publish = (value: number, rules: PublishRules): void => {
    expect(broker.ruled.publish(draft(value), rules)).to.equal(undefined)
  }
  return { ...{ ruled: broker.ruled, publish, seen, until, vanStore }, transfer: broker.ruled.transfer }
}

const draft = (value: number) => {
  const body = encodePayload(value)
  return { ...{ topic: 't', headers: noHeaders, body, size: body.length }, encoding: Encoding.Bytes }
}

const numbers = (seen: readonly { body: unknown }[]): unknown[] => seen.map(({ body }) => body)

describe('delayed messages and ids for the next process', () => {
  it('come in their order, none early, also where several are due in one millisecond', async () => {
    const before = start(1_000.9)
    // Later ones wait less, and are due first. The last two are due at the same time.
    for (const [at, delay] of [10.75, 10.5, 10.25, 10.25].entries()) before.publish(at, { delay })
    before.publish(4, { at: 1_020 })
    await before.until(2)
    const next = start(1_005.1)
    for (const each of before.transfer.delayed()) expect(next.transfer.owes(each)).to.equal(true)
    expect(next.ruled.agenda.count).to.equal(5)
    await next.until(100)
    expect(numbers(next.seen)).to.deep.equal([2, 3, 1, 0, 4])
    const due = [1_011.15, 1_011.15, 1_011.4, 1_011.65, 1_020]
    for (const [at, { at: time }] of next.seen.entries()) {
      expect(time).to.be.at.least(due[at] ?? Infinity)
      expect(time).to.be.below((due[at] ?? 0) + 3)
    }
  })

  it('can be cancelled, and count; ids are known as long as they would be', async () => {
    const before = start(0)
    before.publish(1, { id: 'a' })
    before.publish(2, { id: 'b', delay: 500 })
    before.publish(3, { id: 'c', delay: 500 })
    await before.until(400)
    const next = start(400)
    for (const each of before.transfer.known()) next.transfer.knows(each)
    for (const each of before.transfer.delayed()) next.transfer.owes(each)
    expect(next.ruled.cancel('b')).to.equal(true)
    expect(next.ruled.cancel('b')).to.equal(false)
    expect(next.ruled.agenda).to.include({ count: 1, bytes: draft(3).size })
    for (const id of ['a', 'b', 'c']) next.publish(4, { id })
    await next.until(599)
    next.publish(5, { id: 'a' })
    await next.until(601)
    next.publish(6, { id: 'a' })
    await next.until(700)
    expect(numbers(next.seen)).to.deep.equal([4, 3, 6])
  })

  it('are taken into a store once, though its process dies before it could report that', async () => {
    const before = start(0)
    before.publish(1, { delay: 100 })
    before.publish(2, { id: 'b', delay: 100 })
    const handed = before.transfer.delayed()
    const store = new MemoryStore()
    const first = start(0, store)
    for (const each of handed) expect(first.transfer.owes(each)).to.equal(true)
    await first.vanStore?.kept()
    const second = start(0, store)
    for (const each of handed) expect(second.transfer.owes(each)).to.equal(false)
    expect(second.ruled.agenda.count).to.equal(2)
    expect(second.ruled.cancel('b')).to.equal(true)
    await second.vanStore?.kept()
  })
})
