import { expect } from 'chai'
import type { Unrouted } from '../../../src/bus/contract/broker.js'
import { inboxRequest } from '../../../src/bus/actors/reply-inbox.js'
import { requestPattern } from '../../../src/message/pattern.js'
import type { Message } from '../../../src/message/message.js'
import { noHeaders } from '../../../src/message/envelope.js'
import { brokerIn } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

describe('requests in a broker', () => {
  const lost: [topic: string, why: Unrouted][] = []
  const broker = () =>
    brokerIn(new VirtualTime(), { unrouted: ({ topic }, why) => void lost.push([topic, why]) })
  beforeEach(() => lost.splice(0))

  type Broker = ReturnType<typeof broker>
  const respond = (at: Broker, pattern: RegExp | string, next: (message: Message) => void, prefetch = 1) =>
    at.consume(
      { ...inboxRequest(''), pattern: requestPattern(pattern), prefetch },
      { next, error: () => undefined, complete: () => undefined },
    )
  const ask = (at: Broker, topic: string) => at.publish(`$request/${topic}`, 1, noHeaders)

  it('go to the responder with the least work, in turn among equals', async () => {
    const own = broker()
    const counts = [0, 0, 0]
    const open: Message[] = []
    respond(own, 'a', message => {
      counts[0] = (counts[0] ?? 0) + 1
      message.ack()
    })
    respond(own, /^a/, message => {
      counts[1] = (counts[1] ?? 0) + 1
      message.ack()
    })
    respond(own, /a$/, message => {
      counts[2] = (counts[2] ?? 0) + 1
      open.push(message)
    })
    for (let n = 0; n < 30; n += 1) await ask(own, 'a')
    // The last one is at work on its first.
    expect(counts[2]).to.equal(1)
    expect((counts[0] ?? 0) + (counts[1] ?? 0)).to.equal(29)
    expect(counts[0]).to.be.greaterThan(9)
    expect(counts[1]).to.be.greaterThan(9)
  })

  it('match by their own topic, and no other subscription does', async () => {
    const own = broker()
    const seen: string[] = []
    for (const pattern of [/./, /^\$/, /request/])
      own.consume(
        { ...inboxRequest(''), pattern },
        { next: ({ topic }) => seen.push(topic), error: () => undefined, complete: () => undefined },
      )
    respond(own, /^b$/, message => {
      seen.push(`responder: ${message.topic}`)
      message.ack()
    })
    await ask(own, 'b')
    await ask(own, 'ab')
    await own.publish('b', 1, noHeaders)
    expect(seen).to.deep.equal(['responder: $request/b', 'b'])
    expect(lost).to.deep.equal([['$request/ab', 'no-responder']])
  })

  it('come back with the reason when their last responder leaves, in work or not', async () => {
    const own = broker()
    const member = respond(own, 'c', () => undefined)
    await ask(own, 'c')
    await ask(own, 'c')
    member.leave('unsubscribe')
    expect(lost).to.deep.equal([
      ['$request/c', 'left'],
      ['$request/c', 'left'],
    ])
    await ask(own, 'c')
    expect(lost.at(-1)).to.deep.equal(['$request/c', 'no-responder'])
  })

  it('come back as died when their last responder died of them', async () => {
    const own = broker()
    const open: Message[] = []
    const member = respond(own, /^d/, message => open.push(message))
    await ask(own, 'd')
    await ask(own, 'd')
    member.leave('death')
    const [inWork] = open
    if (inWork !== undefined) member.fail(inWork, new Error('died'))
    expect(lost).to.deep.equal([
      ['$request/d', 'left'],
      ['$request/d', 'died'],
    ])
    expect(own.counters).to.include({ dropped: 0, deadLettered: 0 })
  })
})
