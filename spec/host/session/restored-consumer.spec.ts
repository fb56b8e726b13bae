import { expect } from 'chai'
import type { Membership } from '../../../src/bus/contract/broker.js'
import { Encoding } from '../../../src/codec/encoding.js'
import { consumerStateOf, fieldsOf, readerOf, valueOf } from '../../../src/host/hand-over/read-fields.js'
import { valueRecord } from '../../../src/host/hand-over/write-vans.js'
import { RemoteConsumers } from '../../../src/host/session/consumers/remote-consumers.js'
import { keyOfName, SettledBefore } from '../../../src/host/session/settled-before.js'
import type { SessionOutput } from '../../../src/host/session/session-output.js'
import { Envelope, noHeaders } from '../../../src/message/envelope.js'
import { Message } from '../../../src/message/message.js'

const STATE = { last: 0, handed: 0, hasLeft: false, ackTimeout: 0 }

describe('a consumer that another process handed over', () => {
  it('is spared what another consumer of its name settled while no host knew of it', () => {
    const settled = new SettledBefore()
    const delivered: unknown[] = []
    const acked: unknown[] = []
    const output = { deliver: (...[, , message]: unknown[]) => void delivered.push(message) }
    const consumers = new RemoteConsumers(output as unknown as SessionOutput, settled)
    const membership = { ack: (message: Message) => acked.push(message.id) > 0 } as unknown as Membership
    const rules = { name: 'work', incarnation: 'i' }
    const consumer = consumers.restore(1, STATE, rules, () => membership)
    const message = (sequence: number) =>
      Message.of(new Envelope('p', sequence, 'a', noHeaders, 0, 1, 0, Encoding.Value), membership, 1, true, 1)
    settled.add(keyOfName('work', 'i'), [{ publisher: 'p', sequence: 1, attempt: 1, verdict: 'ack' }])
    const [done, open] = [message(1), message(2)]
    consumer.next(done)
    consumer.next(open)
    expect(acked).to.deep.equal([done.id])
    expect(delivered).to.deep.equal([open])
  })

  it('is cut off beyond its host as before, and ends with that host as before', () => {
    const output = { isAttached: true } as unknown as SessionOutput
    const join = () => ({}) as unknown as Membership
    const consumersOf = () => new RemoteConsumers(output, new SettledBefore())
    const handedOver = (state: object) =>
      consumerStateOf(fieldsOf(valueOf(readerOf(valueRecord({ place: 1, ...state })))))
    const consumers = consumersOf()
    const before = consumers.restore(1, handedOver(STATE), {}, join)
    expect(before).to.include({ isAway: false, endsWithHost: false })
    consumers.away(1, true)
    consumers.endsWithHost(1)
    const next = consumersOf()
    const after = next.restore(1, handedOver(before.state), {}, join)
    expect(after).to.include({ isAway: true, endsWithHost: true })
    next.away(1, false)
    expect(after.isAway).to.equal(false)
  })
})
