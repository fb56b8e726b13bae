import { expect } from 'chai'
import { PublishPromise } from '../../../src/client/outbox/publish-promise.js'
import {
  OverflowError,
  PayloadTooLargeError,
  SessionLostError,
  StoreError,
  StoreFullError,
} from '../../../src/errors.js'
import { LeaderForwarder } from '../../../src/host/backbone/follower/leader-forwarder.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { brokerIn } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

/** So that all that follows from what was just settled has happened. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('the leader forwarder', () => {
  const open = async (count: number) => {
    const broker = brokerIn(new VirtualTime())
    const sent: { readonly envelope: Envelope; readonly promise: PublishPromise }[] = []
    const time = new VirtualTime()
    const lost: number[] = []
    const warnings: string[] = []
    let room = Infinity
    const forwarder = new LeaderForwarder({
      send: envelope => {
        if (sent.length >= room) return undefined
        const promise = new PublishPromise()
        sent.push({ envelope, promise })
        return promise
      },
      isWanted: () => true,
      unwanted: () => undefined,
      lost: ({ sequence }) => lost.push(sequence),
      warn: text => warnings.push(text),
      after: (ms, run) => {
        const retry = time.schedule(run, ms)
        return () => retry.unsubscribe()
      },
    })
    const relay = broker.relay(forwarder)
    forwarder.membership = relay.membership
    relay.want(/^/)
    forwarder.open()
    for (let number = 1; number <= count; number += 1) await broker.publish('t', number, noHeaders)
    return {
      relay,
      forwarder,
      broker,
      time,
      sent,
      lost,
      warnings,
      order: () => sent.map(({ envelope }) => envelope.sequence),
      limit: (most: number) => (room = most),
    }
  }

  /** The leader ends: none of these was accepted. */
  const lose = async (forwarder: LeaderForwarder, sent: readonly { readonly promise: PublishPromise }[]) => {
    forwarder.shut()
    for (const { promise } of sent) promise.refuse(new SessionLostError('The leader is a new one.'))
    await turn()
  }

  it('hands the next leader what the one before held in its place among the others, all of it flagged', async () => {
    const { relay, forwarder, sent, order } = await open(4)
    sent[2]?.promise.whenHeld?.()
    await lose(forwarder, sent.slice())
    forwarder.open()
    expect(order()).to.deep.equal([1, 2, 3, 4, 1, 2, 3, 4])
    const mayHaveCome = sent.slice(4).map(({ envelope }) => envelope.mayHaveCome)
    expect(mayHaveCome).to.deep.equal([true, true, true, true])
    for (const { promise } of sent.slice(4)) promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
  })

  it('lets nothing pass what still has no room', async () => {
    const { relay, forwarder, sent, order, limit } = await open(4)
    sent[1]?.promise.whenHeld?.()
    await lose(forwarder, sent.slice())
    limit(6)
    forwarder.open()
    expect(order().slice(4)).to.deep.equal([1, 2])
    limit(Infinity)
    sent[4]?.promise.take()
    await turn()
    expect(order().slice(4)).to.deep.equal([1, 2, 3, 4])
    for (const { promise } of sent.slice(5)) promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
  })

  it('keeps what the leader has no room for now, sends it again in its order and flagged, and lets other topics pass', async () => {
    const { relay, broker, time, sent, order, lost, warnings } = await open(3)
    sent[0]?.promise.take()
    sent[1]?.promise.refuse(new StoreFullError('The disk is nearly full.'))
    sent[2]?.promise.refuse(new StoreFullError('The disk is nearly full.'))
    await turn()
    await broker.publish('t', 4, noHeaders)
    await broker.publish('other', 5, noHeaders)
    expect(order()).to.deep.equal([1, 2, 3, 5])
    expect(relay.backlog).to.equal(4)
    time.advance(500)
    expect(order().slice(4)).to.deep.equal([2, 3, 4])
    expect(sent.slice(4).map(({ envelope }) => envelope.mayHaveCome)).to.deep.equal([true, true, true])
    for (const { promise } of sent.slice(3)) promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
    expect(lost).to.deep.equal([])
    expect(warnings).to.have.lengthOf(1)
  })

  it('tries less and less often while the leader goes on refusing', async () => {
    const { time, sent, warnings } = await open(1)
    const triedAt: number[] = []
    for (let seconds = 0; seconds < 60; seconds += 0.5) {
      if (sent.at(-1)?.promise.isOpen === true) {
        triedAt.push(seconds)
        sent.at(-1)?.promise.refuse(new StoreError('The disk fails.'))
        await turn()
      }
      time.advance(500)
    }
    expect(triedAt).to.deep.equal([0, 0.5, 1.5, 3.5, 7.5, 15.5, 25.5, 35.5, 45.5, 55.5])
    expect(warnings).to.have.lengthOf(1)
  })

  it('tries again soon once the leader takes some of it, and warns once of all that', async () => {
    const { time, sent, warnings, broker } = await open(3)
    const last = (count: number) => sent.slice(-count)
    const refuseLast = async (count: number): Promise<void> => {
      for (const { promise } of last(count)) promise.refuse(new OverflowError('The subscription is full.'))
      await turn()
    }
    await refuseLast(3)
    time.advance(500)
    await refuseLast(3)
    time.advance(1_000)
    last(3)[0]?.promise.take()
    await turn()
    await refuseLast(2)
    const before = sent.length
    time.advance(500)
    expect(sent.length - before).to.equal(2)
    expect(warnings).to.have.lengthOf(1)
    for (const { promise } of last(2)) promise.take()
    await turn()
    await broker.publish('t', 4, noHeaders)
    await refuseLast(1)
    expect(warnings).to.have.lengthOf(2)
  })

  it('tries again soon also when the leader says first what it refuses, and then what it takes', async () => {
    const { time, sent } = await open(3)
    const last = (count: number) => sent.slice(-count)
    const refuse = async (promises: readonly { readonly promise: PublishPromise }[]): Promise<void> => {
      for (const { promise } of promises) promise.refuse(new OverflowError('The subscription is full.'))
      await turn()
    }
    await refuse(last(3))
    for (const wait of [500, 1_000, 2_000]) {
      time.advance(wait)
      await refuse(last(3))
    }
    time.advance(4_000)
    const [first, ...others] = last(3)
    await refuse(others)
    first?.promise.take()
    await turn()
    const before = sent.length
    time.advance(499)
    expect(sent.length - before).to.equal(0)
    time.advance(1)
    expect(sent.length - before).to.equal(2)
    time.advance(60_000)
    expect(sent.length - before, 'there is one timer').to.equal(2)
  })

  it('keeps what was refused for the next leader, too', async () => {
    const { forwarder, sent, order } = await open(3)
    sent[1]?.promise.refuse(new OverflowError('The subscription is full.'))
    await turn()
    await lose(forwarder, sent.slice())
    forwarder.open()
    expect(order().slice(3)).to.deep.equal([1, 2, 3])
  })

  it('names what the leader never takes, and keeps it no longer', async () => {
    const { relay, sent, lost } = await open(2)
    sent[0]?.promise.refuse(new PayloadTooLargeError('It is too large.'))
    sent[1]?.promise.take()
    await turn()
    expect(lost).to.deep.equal([1])
    expect(relay.isIdle).to.equal(true)
  })

  it('refuses a publisher that waits for the leader, and keeps nothing of that', async () => {
    const { relay, forwarder, sent, broker, time, order } = await open(1)
    sent[0]?.promise.refuse(new StoreFullError('The disk is nearly full.'))
    await turn()
    const refused: unknown[] = []
    // It is behind one that is kept: its publisher would wait for long.
    const envelope = sent[0]?.envelope
    if (envelope === undefined) throw new Error('nothing was sent')
    forwarder
      .await(new Envelope(envelope.publisher, 2, 't', noHeaders, 0, undefined, 0, Encoding.Bytes))
      .catch((error: unknown) => refused.push(error))
    await broker.publish('t', 2, noHeaders)
    await turn()
    expect(refused).to.have.lengthOf(1)
    time.advance(500)
    expect(order()).to.deep.equal([1, 1])
    sent[1]?.promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
  })
})
