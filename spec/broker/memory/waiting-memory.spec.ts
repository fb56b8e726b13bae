import { expect } from 'chai'
import fc from 'fast-check'
import type { LocalBroker } from '../../../src/broker/local-broker.js'
import { Block } from '../../../src/broker/memory/block.js'
import { ByteBudget } from '../../../src/broker/memory/byte-budget.js'
import type { Consumer, Membership } from '../../../src/bus/contract/broker.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Message } from '../../../src/message/message.js'
import { brokerIn, request } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

const MEGABYTE = 1024 * 1024

/** A consumer that settles nothing by itself. */
class Holder implements Consumer {
  readonly held: Message[] = []
  readonly passesOn = true
  next(message: Message): void {
    this.held.push(message)
  }
  error(): void {}
  complete(): void {}
}

describe('the memory of waiting messages', () => {
  let time: VirtualTime
  let budget: ByteBudget
  let broker: LocalBroker
  let sequence = 0

  beforeEach(() => {
    time = new VirtualTime()
    budget = new ByteBudget(Infinity)
    broker = brokerIn(time, { budget, soon: run => void time.schedule(run) })
    sequence = 0
  })

  /** One frame with these payloads, each on a topic. The rest of the frame is of no use. */
  const frame = (bytes: number, messages: readonly { topic: string; size: number }[]): Block => {
    const content = new Uint8Array(bytes)
    const block = broker.memory.blockOf(content, undefined)
    let offset = 0
    for (const { topic, size } of messages) {
      sequence += 1
      content.fill(sequence % 256, offset, offset + size)
      const envelope = new Envelope(
        'p',
        sequence,
        topic,
        noHeaders,
        0,
        content,
        size,
        Encoding.Bytes,
        offset,
        block,
      )
      broker.accept(envelope)?.catch(() => undefined)
      offset += size
    }
    block.look()
    return block
  }

  const consume = (topic: string, differences: Parameters<typeof request>[0] = {}): [Holder, Membership] => {
    const holder = new Holder()
    return [holder, broker.consume(request({ pattern: topic, ...differences }), holder)]
  }

  const bodyOf = (message: Message): number[] => [...(Message.envelopeOf(message).body as Uint8Array)]

  it('is that of frames: each once, as long as one of its messages waits, wherever that is', () => {
    const [first, membership] = consume('t', { prefetch: 1 })
    const [second] = consume('t', { prefetch: 1_000 })
    frame(MEGABYTE, [
      { topic: 't', size: 100_000 },
      { topic: 't', size: 500_000 },
      { topic: 'nobody', size: 10 },
    ])
    const inUse = MEGABYTE + 4 * 128
    expect(budget.bytes).to.equal(inUse)
    for (const message of second.held) expect(message.ack()).to.equal(true)
    expect(budget.bytes).to.equal(inUse - 2 * 128)
    expect(first.held[0]?.nack({ delay: 5_000 })).to.equal(true)
    time.advance(1_000)
    expect(budget.bytes).to.equal(inUse - 2 * 128)
    first.held[1]?.ack()
    time.advance(10_000)
    first.held[2]?.ack()
    expect(budget.bytes).to.equal(0)
    membership.leave('complete')
  })

  it('keeps messages apart whose frames came in one piece of memory, at the same place of each', () => {
    const [all] = consume('t', { prefetch: 10 })
    const [one] = consume('t', { prefetch: 1 })
    const memory = new Uint8Array(20 * MEGABYTE)
    let block: Block | undefined
    for (const n of [1, 2, 3]) {
      const content = memory.subarray(1_000 * n, 1_000 * (n + 1))
      block = broker.memory.blockOf(content, block)
      content.fill(n)
      broker
        .accept(new Envelope('p', n, 't', noHeaders, 0, content, 2, Encoding.Bytes, 10, block))
        ?.catch(() => undefined)
    }
    block?.look()
    time.advance(1_000)
    expect(budget.bytes).to.be.below(MEGABYTE)
    for (let at = 0; at < 3; at += 1) {
      one.held[at]?.ack()
      time.advance(10)
    }
    for (const { held } of [all, one])
      expect(held.map(bodyOf)).to.deep.equal([
        [1, 1],
        [2, 2],
        [3, 3],
      ])
  })

  it('is little for a small message of a large frame, also at a consumer and before its retry', () => {
    const [holder] = consume('t', { prefetch: 10 })
    const [failing] = consume('t', { prefetch: 1_000 })
    for (let n = 0; n < 40; n += 1) {
      frame(4 * MEGABYTE, [
        { topic: 't', size: 1 },
        { topic: 'gone', size: 1_000 },
      ])
      time.advance(1)
    }
    for (const message of failing.held.splice(0)) message.nack({ delay: 60_000 })
    time.advance(10)
    // Before, they were 160 MiB.
    expect(budget.bytes).to.be.below(24 * MEGABYTE)
    expect(holder.held).to.have.lengthOf(10)
    for (let at = 0; at < 40; at += 1) {
      holder.held[at]?.ack()
      time.advance(1)
    }
    expect(holder.held.map(message => bodyOf(message))).to.deep.equal(
      Array.from({ length: 40 }, (_, n) => [(2 * n + 1) % 256]),
    )
    time.advance(100_000)
    expect(failing.held.map(message => bodyOf(message)).sort()).to.deep.equal(
      holder.held.map(message => bodyOf(message)).sort(),
    )
    for (const message of failing.held) message.ack()
    expect(budget.bytes).to.equal(0)
  })

  it('is shared by the subscriptions in which a message waits, also when its bytes move', () => {
    for (let n = 0; n < 20; n += 1)
      consume('t', { prefetch: 1, maxPending: 1_000_000, overflow: 'drop-oldest' })
    for (let n = 0; n < 10; n += 1) frame(4 * MEGABYTE, [{ topic: 't', size: 100_000 }])
    time.advance(10)
    // Twenty copies of each would be 20 MB.
    expect(budget.bytes).to.be.below(16 * MEGABYTE + 10 * 100_000 + 20 * 10 * 300)
  })

  it('comes to nothing in the end, whatever became of the messages', () => {
    const act = fc.oneof(
      fc.record({
        do: fc.constant('publish'),
        bytes: fc.integer({ min: 3_000, max: 6_000_000 }),
        count: fc.integer({ min: 1, max: 9 }),
      }),
      fc.record({
        do: fc.constantFrom('ack', 'nack', 'reject', 'release'),
        which: fc.nat(5),
        at: fc.nat(20),
      }),
      fc.record({ do: fc.constantFrom('leave', 'join', 'time'), which: fc.nat(5) }),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), acts => {
        time = new VirtualTime()
        budget = new ByteBudget(Infinity)
        broker = brokerIn(time, { budget, soon: run => void time.schedule(run) })
        const overflow = ['pause', 'drop-oldest', 'drop-newest', 'error'] as const
        const join = (which: number) =>
          consume('t', {
            ...(which < 2 ? { name: `n${which}` } : {}),
            prefetch: 1 + which,
            maxPending: 5,
            overflow: overflow[which % 4] ?? 'pause',
            attempts: 2,
          })
        const all: ReturnType<typeof consume>[] = []
        const joinOne = (which: number) => {
          const joined = join(which)
          all.push(joined)
          return joined
        }
        const members = [0, 1, 2, 3, 4, 5].map(joinOne)
        for (const step of acts) {
          if ('bytes' in step)
            frame(
              step.bytes,
              Array.from({ length: step.count }, () => ({ topic: 't', size: 300 })),
            )
          else {
            const [holder, membership] = members[step.which] ?? joinOne(step.which)
            if ('at' in step) {
              const message = holder.held.splice(step.at, 1)[0]
              if (message !== undefined && step.do === 'ack') message.ack()
              else if (message !== undefined && step.do === 'nack') message.nack({ delay: step.at * 100 })
              else if (message !== undefined && step.do === 'reject') message.reject('no')
              else if (message !== undefined) membership.release(message)
            } else if (step.do === 'leave') membership.leave('complete')
            else if (step.do === 'join') members[step.which] = joinOne(step.which)
            else broker.memory.separate()
          }
          time.advance(200)
          expect(budget.bytes).to.be.at.least(0)
        }
        for (const [holder, membership] of all) {
          membership.leave('unsubscribe')
          for (const message of holder.held) message.ack()
        }
        for (const name of ['n0', 'n1']) void broker.control.unsubscribe(name)
        time.advance(1_000_000)
        expect(budget.bytes).to.equal(0)
      }),
      { numRuns: 150 },
    )
  })
})
