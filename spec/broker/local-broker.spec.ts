import { expect } from 'chai'
import { backoff } from '../../src/operators/backoff.js'
import { Envelope, noHeaders, RepeatedEnvelope } from '../../src/message/envelope.js'
import { Encoding } from '../../src/codec/encoding.js'
import type { Message } from '../../src/message/message.js'
import type { LocalBroker } from '../../src/broker/local-broker.js'
import type { SubscriptionStatus } from '../../src/bus/contract/status.js'
import { brokerIn, request } from '../support/local-broker.js'
import { rejection, upTo } from '../support/messages.js'
import { VirtualTime } from '../support/virtual-time.js'

const turn = () => new Promise<void>(resolve => setImmediate(resolve))

async function statusOf(broker: LocalBroker): Promise<SubscriptionStatus | undefined> {
  return (await broker.control.status()).subscriptions[0]
}

describe('the broker, in virtual time', () => {
  let time: VirtualTime
  let broker: LocalBroker
  let seen: Message[]
  const consumer = {
    next: (message: Message) => void seen.push(message),
    error: fail,
    complete: () => undefined,
  }

  function fail(error: unknown): never {
    throw error
  }

  /** Lets time pass, and what is due be handed out. */
  async function advance(milliseconds: number): Promise<void> {
    time.advance(milliseconds)
    await turn()
  }

  beforeEach(() => {
    time = new VirtualTime()
    broker = brokerIn(time)
    seen = []
  })
  afterEach(() => broker.close({ drain: false }))

  it('a retry waits as long in the next process, also if the clock was set back', async () => {
    let setBack = 0
    const own = brokerIn(time, { wallClock: () => time.now() - setBack })
    own.consume(request({ name: 'n', pattern: 't', delay: 400, attempts: 9 }), consumer)
    await own.publish('t', 1, noHeaders)
    seen[0]?.nack()
    time.advance(100)
    setBack = 5_000_000
    const [owed] = own.transfer.subscriptions()
    expect([...(owed?.begun(() => false) ?? [])].map(([, wait]) => wait)).to.deep.equal([300])
    await own.close({ drain: false })
  })

  it('an exposed name lives as long as its exposers; letters that come later are answered that it is gone', async () => {
    const unrouted: unknown[] = []
    const own = brokerIn(time, { unrouted: ({ body }) => void unrouted.push(body) })
    const topic = '$exposed/x'
    const rules = request({ pattern: topic, name: topic, prefetch: 1, attempts: 1 })
    const [one, other] = [own.consume(rules, consumer), own.consume(rules, consumer)]
    other.leave('unsubscribe')
    for (const n of upTo(3)) await own.publish(topic, n, noHeaders)
    expect(unrouted).to.deep.equal([])
    // With the last one: what waited, and later what it had in hand when it died.
    one.leave('death')
    expect(unrouted).to.deep.equal([2, 3])
    seen[0]?.nack()
    expect(unrouted).to.deep.equal([2, 3, 1])
    await own.publish(topic, 4, noHeaders)
    expect(unrouted).to.deep.equal([2, 3, 1, 4])
    expect((await own.control.status()).subscriptions).to.deep.equal([])
    await own.close()
  })

  it("tries again after the subscription's delay, to the millisecond", async () => {
    broker.consume(request({ delay: 250 }), consumer)
    await broker.publish('t', 1, noHeaders)
    seen[0]?.nack()
    await advance(249)
    expect(seen).to.have.lengthOf(1)
    await advance(1)
    expect(seen.map(({ attempt }) => attempt)).to.deep.equal([1, 2])
  })

  it('backs off: each wait longer than the one before, up to the most', async () => {
    const delay = backoff({ initial: 100, max: 1_000, factor: 3, jitter: 0 })
    const at: number[] = []
    const failing = {
      ...consumer,
      next: (message: Message) => {
        at.push(time.now())
        message.nack()
      },
    }
    broker.consume(request({ name: 'w', delay, attempts: 6 }), failing)
    await broker.publish('t', 1, noHeaders)
    for (let step = 0; step < 400; step += 1) await advance(10)
    const waits = at.slice(1).map((when, index) => when - (at[index] ?? 0))
    expect(waits).to.deep.equal([100, 300, 900, 1_000, 1_000])
    expect(await statusOf(broker)).to.include({ failed: 6, deadLettered: 1, pending: 0, inFlight: 0 })
  })

  it('gives back what failed and is due at once to a consumer that is busy meanwhile, and nothing else', async () => {
    const busy = { ...consumer, isBusy: false, takesBack: true }
    const membership = broker.consume(request({ delay: 0, prefetch: 3 }), busy)
    for (const n of upTo(2)) await broker.publish('t', n, noHeaders)
    busy.isBusy = true
    membership.pause()
    await broker.publish('t', 3, noHeaders)
    seen[0]?.nack()
    await turn()
    expect(seen.map(({ payload, attempt }) => [payload, attempt])).to.deep.equal([
      [1, 1],
      [2, 1],
      [1, 2],
    ])
    busy.takesBack = false
    seen[2]?.nack()
    await turn()
    expect(seen).to.have.lengthOf(3)
    busy.isBusy = false
    membership.wake()
    await turn()
    expect(seen.slice(3).map(({ payload, attempt }) => [payload, attempt])).to.deep.equal([
      [1, 3],
      [3, 1],
    ])
  })

  it('hands nothing to a consumer that became busy outside its next, until it wakes', async () => {
    const busy = { ...consumer, isBusy: false }
    const membership = broker.consume(request(), busy)
    await broker.publish('t', 1, noHeaders)
    busy.isBusy = true
    membership.pause()
    await broker.publish('t', 2, noHeaders)
    expect(seen.map(({ payload }) => payload)).to.deep.equal([1])
    busy.isBusy = false
    membership.wake()
    await turn()
    expect(seen.map(({ payload }) => payload)).to.deep.equal([1, 2])
  })

  it('waits longer than 2^31 ms on request', async () => {
    const year = 365 * 24 * 3_600_000
    broker.consume(request({ delay: year }), consumer)
    await broker.publish('t', 1, noHeaders)
    seen[0]?.nack()
    await advance(year - 1)
    expect(seen).to.have.lengthOf(1)
    await advance(1)
    expect(seen).to.have.lengthOf(2)
  })

  it("nack's own delay rules, zero too", async () => {
    broker.consume(request({ delay: 1_000 }), consumer)
    await broker.publish('t', 1, noHeaders)
    seen[0]?.nack({ delay: 5 })
    await advance(5)
    seen[1]?.nack({ delay: 0 })
    await turn()
    expect(seen.map(({ attempt }) => attempt)).to.deep.equal([1, 2, 3])
  })

  it('fails what is not settled within ackTimeout; what is settled is left alone', async () => {
    broker.consume(request({ name: 'w', ackTimeout: 100, delay: 0 }), consumer)
    await broker.publish('t', 1, noHeaders)
    await advance(50)
    await broker.publish('t', 2, noHeaders)
    seen[1]?.ack()
    await advance(49)
    expect(seen).to.have.lengthOf(2)
    await advance(1)
    expect(seen.map(({ payload, attempt }) => [payload, attempt])).to.deep.equal([[1, 1], [2, 1], [1, 2]]) // prettier-ignore
    expect(seen[0]?.ack()).to.equal(false)
    seen[2]?.ack()
    await advance(1_000)
    expect(await statusOf(broker)).to.include({ failed: 1, acked: 2, inFlight: 0, pending: 0 })
  })

  it('ackTimeout ends in a dead letter that names it', async () => {
    broker.consume(request({ name: 'w', ackTimeout: 10, delay: 0, attempts: 2 }), consumer)
    await broker.publish('t', 1, noHeaders)
    await advance(10)
    await advance(10)
    const [letter] = await broker.control.deadLetters().list()
    expect(letter).to.include({ attempts: 2, firstAt: 10, lastAt: 20 })
    expect(letter?.error).to.match(/AckTimeoutError/)
  })

  it('ackTimeout starts anew with extend', async () => {
    const member = broker.consume(request({ ackTimeout: 100, delay: 0 }), consumer)
    await broker.publish('t', 1, noHeaders)
    for (let step = 0; step < 10; step += 1) {
      await advance(99)
      if (seen[0] !== undefined) member.extend(seen[0])
    }
    expect(seen).to.have.lengthOf(1)
    await advance(100)
    expect(seen).to.have.lengthOf(2)
  })

  it('a message before its retry holds no other back, unless ordered', async () => {
    for (const ordered of [false, true]) {
      seen = []
      const member = broker.consume(request({ ordered, prefetch: 1, delay: 100 }), consumer)
      await broker.publish('t', 1, noHeaders)
      await broker.publish('t', 2, noHeaders)
      seen[0]?.nack()
      await turn()
      expect(seen.map(({ payload }) => payload)).to.deep.equal(ordered ? [1] : [1, 2])
      member.leave('unsubscribe')
    }
  })

  it('parked messages go with their subscription', async () => {
    broker.consume(request({ name: 'w', delay: 100 }), consumer)
    await broker.publish('t', 1, noHeaders)
    seen[0]?.nack()
    await broker.control.unsubscribe('w')
    await advance(1_000)
    expect(seen).to.have.lengthOf(1)
  })

  it('close waits for its timeout and no longer', async () => {
    broker.consume(request(), consumer)
    await broker.publish('t', 1, noHeaders)
    let closed = false
    const closing = broker.close({ timeout: 500 }).then(() => (closed = true))
    await advance(499)
    expect(closed).to.equal(false)
    await advance(1)
    expect(closed).to.equal(true)
    await closing
    expect(seen[0]?.ack()).to.equal(false)
  })

  it('close waits 10 s by default, and ends as soon as all is settled', async () => {
    broker.consume(request(), consumer)
    await broker.publish('t', 1, noHeaders)
    let closed = false
    const closing = broker.close().then(() => (closed = true))
    await advance(9_000)
    expect(closed).to.equal(false)
    seen[0]?.ack()
    await closing
  })

  it('takes no more than 16 MiB unsettled at a consumer, though always one message', async () => {
    broker.consume(request(), consumer)
    for (const sequence of upTo(5)) {
      const body = new Uint8Array(0)
      void broker.accept(
        new Envelope('p', sequence, 't', noHeaders, 0, body, 6 * 1024 * 1024, Encoding.Bytes),
      )
    }
    expect(seen).to.have.lengthOf(3)
    seen[0]?.ack()
    await turn()
    expect(seen).to.have.lengthOf(4)
    for (const message of seen) message.ack()
    await turn()
    for (const message of seen) message.ack()
    void broker.accept(
      new Envelope('p', 6, 't', noHeaders, 0, new Uint8Array(0), 17 * 1024 * 1024, Encoding.Bytes),
    )
    expect(seen).to.have.lengthOf(6)
  })

  it('bounds what it holds back', async () => {
    broker = brokerIn(time, { maxHeld: 2 })
    broker.replace({ ...request({ maxPending: 1 }), name: 'w' })
    await broker.publish('t', 1, noHeaders)
    const held = [broker.publish('t', 2, noHeaders), broker.publish('t', 3, noHeaders)]
    expect(await rejection(broker.publish('t', 4, noHeaders))).to.include({ code: 'MSGVAN_OUTBOX_FULL' })
    await broker.control.unsubscribe('w')
    await Promise.all(held)
  })

  it('bounds the bytes that it holds back, and refuses for all what is too much', async () => {
    const all: Message[] = []
    broker.consume(request({ pattern: /^t$/ }), {
      ...consumer,
      next: message => all.push(message) && message.ack(),
    })
    broker.replace({ ...request({ maxPending: 1 }), name: 'w' })
    const size = 24 * 1024 * 1024
    const publish = (sequence: number) =>
      broker.accept(new Envelope('p', sequence, 't', noHeaders, 0, new Uint8Array(0), size, Encoding.Bytes))
    expect(publish(1)).to.equal(undefined)
    const held = [publish(2), publish(3)]
    expect(await rejection(publish(4) ?? Promise.resolve())).to.include({ code: 'MSGVAN_OUTBOX_FULL' })
    expect(all).to.have.lengthOf(3)
    await broker.control.unsubscribe('w')
    await Promise.all(held.map(each => each ?? Promise.resolve()))
  })

  it('a full subscription keeps its order, with publishers of any topic waiting', async () => {
    broker.replace({ ...request({ pattern: /^/, maxPending: 1 }), name: 'w' })
    for (const n of upTo(4)) void broker.publish('busy', n, noHeaders)
    void broker.publish('rare', 5, noHeaders)
    broker.consume(request({ pattern: /^/, name: 'w' }), {
      ...consumer,
      next: message => {
        seen.push(message)
        message.ack()
      },
    })
    await turn()
    expect(seen.map(({ payload }) => payload)).to.deep.equal([1, 2, 3, 4, 5])
  })

  it('a subscription never has more pending messages than maxPending, also if handlers publish meanwhile', async () => {
    broker.consume(request({ pattern: /^t$/ }), {
      ...consumer,
      next: message => {
        for (const n of upTo(3)) void broker.publish('u', n, noHeaders)
        message.ack()
      },
    })
    broker.replace({ ...request({ pattern: /^[tu]$/, maxPending: 2 }), name: 'w' })
    await broker.publish('t', 1, noHeaders)
    const { subscriptions } = await broker.control.status()
    expect(subscriptions.find(({ name }) => name === 'w')).to.include({ pending: 2, pausing: true })
    await broker.control.unsubscribe('w')
  })

  it('keeps the newest 10,000 dead letters, and counts those that went', async () => {
    broker.consume(request({ name: 'w' }), { ...consumer, next: message => void message.reject('no') })
    for (const n of upTo(10_003)) await broker.publish('t', n, noHeaders)
    const letters = await broker.control.deadLetters().list()
    expect(letters).to.have.lengthOf(10_000)
    expect(letters[0]?.payload).to.equal(4)
    expect((await broker.control.status()).counters).to.include({ deadLettered: 10_003, dropped: 3 })
  })

  it('a broker without subscribers, names and dead letters is idle', async () => {
    expect(broker.isIdle).to.equal(true)
    const member = broker.consume(request(), consumer)
    expect(broker.isIdle).to.equal(false)
    member.leave('unsubscribe')
    expect(broker.isIdle).to.equal(true)
    broker.replace({ ...request(), name: 'w' })
    expect(broker.isIdle).to.equal(false)
    await broker.control.unsubscribe('w')
    expect(broker.isIdle).to.equal(true)
  })

  it('replace keeps the pending messages under the same pattern, and removes them with another', async () => {
    broker.replace({ ...request(), name: 'w' })
    await broker.publish('t', 1, noHeaders)
    broker.replace({ ...request({ attempts: 9 }), name: 'w' })
    expect(await statusOf(broker)).to.include({ pending: 1 })
    broker.replace({ ...request({ pattern: /t/ }), name: 'w' })
    expect(await statusOf(broker)).to.include({ pending: 0, pattern: '/t/' })
  })

  it('walks through a backlog of 30,000 with members that come for one each', async () => {
    broker.replace({ ...request(), name: 'w' })
    for (const n of upTo(30_000)) void broker.publish('t', n, noHeaders)
    for (const n of upTo(3_000)) {
      const member = broker.consume(request({ name: 'w', prefetch: 1 }), consumer)
      await Promise.resolve()
      seen[n - 1]?.ack()
      member.leave('complete')
    }
    expect(seen.slice(0, 3_000).map(({ payload }) => payload)).to.deep.equal(upTo(3_000))
  })

  it('flags what may have come before also when it has to wait for its turn', async () => {
    broker.consume(request({ prefetch: 1 }), consumer)
    for (const sequence of [1, 2]) {
      const envelope = new Envelope('p', sequence, 't', noHeaders, 0, sequence, 1, Encoding.Value)
      void broker.accept(envelope.as(RepeatedEnvelope))
    }
    seen[0]?.ack()
    await turn()
    expect(seen.map(({ redelivered }) => redelivered)).to.deep.equal([true, true])
  })
})
