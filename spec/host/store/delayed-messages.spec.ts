import { expect } from 'chai'
import { LocalBroker } from '../../../src/broker/local-broker.js'
import type { SubscriptionRequest } from '../../../src/bus/contract/subscription-request.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { HostStore } from '../../../src/host/store/host-store.js'
import { noHeaders } from '../../../src/message/envelope.js'
import { nativeMatcher } from '../../../src/message/pattern.js'
import { MemoryStore } from '../../../src/store/memory-store.js'
import { VirtualTimeScheduler } from 'rxjs'

const request: SubscriptionRequest = {
  ...{ pattern: 't', ordered: false, prefetch: 10_000, attempts: 1, delay: 0, ackTimeout: 0 },
  ...{ maxPending: 100_000, maxPendingBytes: 1_000_000, overflow: 'pause' },
}

/** More than the agenda holds in memory. */
const MANY = 2_500

/** A process that opens the store, with a clock that begins at 0. The wall clock has gone on by so much. */
function open(store: MemoryStore, wallAtStart: number) {
  const time = new VirtualTimeScheduler()
  const host = new HostStore({ store, warn: text => expect.fail(text) })
  const vanStore = host.van('v')
  const broker = new LocalBroker({
    ...{ van: 'v', scheduler: time, wallClock: () => wallAtStart + time.now(), compile: nativeMatcher },
    ...{ hostStatus: () => expect.fail(), durableLog: vanStore },
  })
  vanStore.load()
  broker.ruled.agenda.begin(0)
  const seen: { id: string; at: number }[] = []
  broker.consume(request, {
    next: ({ id }) => seen.push({ id, at: wallAtStart + time.now() }),
    error: error => expect.fail(error.message),
    complete: () => undefined,
  })
  /** Its turns, and its writes. */
  const until = async (now: number): Promise<void> => {
    for (let turn = 0; turn < 40; turn += 1) {
      time.maxFrames = now
      time.flush()
      await (vanStore.kept() ?? Promise.resolve())
    }
  }
  return { broker, vanStore, seen, until, host }
}

const draft = {
  topic: 't',
  headers: noHeaders,
  body: new Uint8Array([5, 1]),
  size: 2,
  encoding: Encoding.Bytes,
}

describe('delayed messages in a store', () => {
  it('outlive their process: none is early, lost or twice, also beyond those in memory', async () => {
    const store = new MemoryStore()
    const first = open(store, 1_000)
    await first.until(0)
    for (let at = 0; at < MANY; at += 1)
      expect(first.broker.ruled.publish(draft, { id: `i${at}`, delay: 1_000 + (at % 5) })).to.equal(undefined)
    await first.vanStore.kept()
    expect(first.broker.ruled.agenda.count).to.equal(MANY)
    // It dies. The next one begins half a second later.
    first.broker.ruled.agenda.close()
    await first.host.freeze()

    const second = open(store, 1_500)
    expect(second.broker.ruled.agenda.count).to.equal(MANY)
    expect(second.broker.ruled.cancel('i7')).to.equal(true)
    expect(second.broker.ruled.cancel('i7')).to.equal(false)
    expect(second.broker.ruled.publish(draft, { id: 'i9' })).to.equal(undefined)
    await second.until(499)
    expect(second.seen).to.deep.equal([])
    await second.until(5_000)
    expect(second.seen).to.have.lengthOf(MANY - 1)
    expect(new Set(second.seen.map(({ id }) => id)).size).to.equal(MANY - 1)
    expect(second.seen[0]?.at).to.be.at.least(2_000)
    expect(second.broker.ruled.agenda.count).to.equal(0)
    second.broker.ruled.agenda.close()
    await second.host.freeze()

    // The ids are known a while longer.
    const third = open(store, 7_000)
    expect(third.broker.ruled.publish(draft, { id: 'i9' })).to.equal(undefined)
    await third.until(0)
    expect(third.seen).to.deep.equal([])
    third.broker.ruled.agenda.close()
    await third.host.freeze()
  }).timeout(20_000)
})
