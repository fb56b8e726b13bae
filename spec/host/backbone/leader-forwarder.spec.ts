import { expect } from 'chai'
import { PublishPromise } from '../../../src/client/outbox/publish-promise.js'
import { SessionLostError } from '../../../src/errors.js'
import { LeaderForwarder } from '../../../src/host/backbone/follower/leader-forwarder.js'
import { noHeaders, type Envelope } from '../../../src/message/envelope.js'
import { brokerIn } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

/** So that all that follows from what was just settled has happened. */
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('the passage to a leader', () => {
  const open = async (count: number) => {
    const broker = brokerIn(new VirtualTime())
    const sent: { readonly envelope: Envelope; readonly promise: PublishPromise }[] = []
    let room = Infinity
    const passage = new LeaderForwarder({
      send: envelope => {
        if (sent.length >= room) return undefined
        const promise = new PublishPromise()
        sent.push({ envelope, promise })
        return promise
      },
      isWanted: () => true,
      unwanted: () => undefined,
      warn: text => {
        throw new Error(text)
      },
    })
    const relay = broker.relay(passage)
    passage.membership = relay.membership
    relay.want(/^/)
    passage.open()
    for (let number = 1; number <= count; number += 1) await broker.publish('t', number, noHeaders)
    return {
      relay,
      passage,
      sent,
      order: () => sent.map(({ envelope }) => envelope.sequence),
      limit: (most: number) => (room = most),
    }
  }

  /** The leader ends: none of these was taken over. */
  const lose = async (passage: LeaderForwarder, sent: readonly { readonly promise: PublishPromise }[]) => {
    passage.shut()
    for (const { promise } of sent) promise.refuse(new SessionLostError('The leader is a new one.'))
    await turn()
  }

  it('hands the next leader what the one before held in its place among the others, all of it flagged', async () => {
    const { relay, passage, sent, order } = await open(4)
    sent[2]?.promise.whenHeld?.()
    await lose(passage, sent.slice())
    passage.open()
    expect(order()).to.deep.equal([1, 2, 3, 4, 1, 2, 3, 4])
    const mayHaveCome = sent.slice(4).map(({ envelope }) => envelope.mayHaveCome)
    expect(mayHaveCome).to.deep.equal([true, true, true, true])
    for (const { promise } of sent.slice(4)) promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
  })

  it('lets nothing pass what still has no room', async () => {
    const { relay, passage, sent, order, limit } = await open(4)
    sent[1]?.promise.whenHeld?.()
    await lose(passage, sent.slice())
    limit(6)
    passage.open()
    expect(order().slice(4)).to.deep.equal([1, 2])
    limit(Infinity)
    sent[4]?.promise.take()
    await turn()
    expect(order().slice(4)).to.deep.equal([1, 2, 3, 4])
    for (const { promise } of sent.slice(5)) promise.take()
    await turn()
    expect(relay.isIdle).to.equal(true)
  })
})
