import { expect } from 'chai'
import { relayRules, type Relay } from '../../../src/broker/routing/relay.js'
import type { Consumer } from '../../../src/bus/contract/broker.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Encoding } from '../../../src/codec/encoding.js'
import type { Message } from '../../../src/message/message.js'
import { brokerIn } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

/** The far end of a relay: takes everything over, unless it is busy. */
class Beyond implements Consumer {
  isBusy = false
  readonly topics: string[] = []
  next(message: Message): void {
    this.topics.push(`${message.topic} ${String(message.payload)}`)
    message.ack()
  }
  error(): void {
    throw new Error('refused')
  }
  complete(): void {
    throw new Error('completed')
  }
}

describe('a relay', () => {
  const open = () => {
    const broker = brokerIn(new VirtualTime())
    const beyond = new Beyond()
    const relay: Relay = broker.relay(beyond)
    return { broker, beyond, relay }
  }
  const publish = (broker: ReturnType<typeof brokerIn>, topic: string, payload: unknown): Promise<void> =>
    broker.publish(topic, payload, noHeaders)
  const elsewhere = (topic: string, sequence: number): Envelope =>
    new Envelope('elsewhere', sequence, topic, noHeaders, 0, sequence, 0, Encoding.Value)

  it('takes what is wanted, once however many of its patterns match, and nothing else', async () => {
    const { broker, beyond, relay } = open()
    for (const pattern of [/^a/, /b$/, 'ab']) relay.want(pattern)
    relay.want(/^a/)
    for (const topic of ['ab', 'a', 'xb', 'x', '$a']) await publish(broker, topic, 1)
    relay.wantNoMore(/^a/)
    await publish(broker, 'a', 2)
    expect(beyond.topics).to.deep.equal(['ab 1', 'a 1', 'xb 1'])
    expect((await broker.control.status()).subscriptions).to.deep.equal([])
  })

  it('gives nothing back to where it came from, and does not count it as published', async () => {
    const { broker, beyond, relay } = open()
    const third = new Beyond()
    const other = broker.relay(third)
    relay.want('t')
    other.want('t')
    await broker.acceptFrom(relay, elsewhere('t', 1), true)
    expect(beyond.topics).to.deep.equal([])
    expect(third.topics).to.deep.equal(['t 1'])
    expect((await broker.control.status()).counters.published).to.equal(0)
  })

  it('holds publishers back when it is full; while it is away it keeps the newest, and no publisher waits', async () => {
    const { broker, beyond, relay } = open()
    relay.want('t')
    beyond.isBusy = true
    relay.membership.pause()
    const { maxPending } = relayRules
    for (let n = 1; n <= maxPending; n += 1) await publish(broker, 't', n)
    let isTaken = false
    const held = publish(broker, 't', maxPending + 1).then(() => (isTaken = true))
    await Promise.resolve()
    expect(isTaken).to.equal(false)
    relay.isAway = true
    await held
    await publish(broker, 't', maxPending + 2)
    expect(relay.takeDropped()).to.equal(2)
    expect(relay.takeDropped()).to.equal(0)
    expect(relay.backlog).to.equal(maxPending)
    relay.isAway = false
    beyond.isBusy = false
    relay.membership.wake()
    await Promise.resolve()
    expect(beyond.topics[0]).to.equal('t 3')
    expect(beyond.topics.at(-1)).to.equal(`t ${maxPending + 2}`)
    expect(relay.isIdle).to.equal(true)
  })

  it('is nowhere when it is closed', async () => {
    const { broker, beyond, relay } = open()
    relay.want('t')
    relay.close()
    await publish(broker, 't', 1)
    expect(beyond.topics).to.deep.equal([])
    expect(broker.isIdle).to.equal(true)
  })

  it('passes the mail of a host that is gone to its replacement, or answers it; drops everything else', async () => {
    const unrouted: string[] = []
    const broker = brokerIn(new VirtualTime(), { unrouted: ({ topic }) => void unrouted.push(topic) })
    const silent = { next: () => undefined, error: () => undefined, complete: () => undefined }
    const relay = broker.relay(silent)
    const next = new Beyond()
    for (const topic of ['$actor/one', '$actor/two', 't']) relay.want(topic)
    // Some on its way, some that waits.
    for (const topic of ['$actor/one', '$actor/two', 't'])
      for (let sequence = 1; sequence <= 5_000; sequence += 1) void broker.accept(elsewhere(topic, sequence))
    broker.relay(next).want('$actor/one')
    relay.giveUp()
    expect(next.topics).to.have.lengthOf(5_000)
    expect(unrouted).to.deep.equal(Array.from({ length: 5_000 }, () => '$actor/two'))
  })
})
