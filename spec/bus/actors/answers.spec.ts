import { expect } from 'chai'
import { concat, NEVER, of, type Observable } from 'rxjs'
import { ActorRequests } from '../../../src/bus/actors/actor-requests.js'
import { ReplyInbox } from '../../../src/bus/actors/reply-inbox.js'
import type { LocalBroker } from '../../../src/broker/local-broker.js'
import type { Message } from '../../../src/message/message.js'
import { brokerIn, request } from '../../support/local-broker.js'
import { VirtualTime } from '../../support/virtual-time.js'

const topic = '$actor/it'

describe('a question whose actor is started again before it settled the question', () => {
  let time: VirtualTime
  let broker: LocalBroker
  let asker: ActorRequests
  const events: unknown[] = []

  beforeEach(() => {
    events.length = 0
    time = new VirtualTime()
    broker = brokerIn(time)
    broker.replace({ ...request({ pattern: topic, delay: 0 }), name: topic })
    asker = requests()
  })
  afterEach(() => broker.close({ drain: false }))

  const requests = (): ActorRequests =>
    new ActorRequests(new ReplyInbox(broker, (to, payload, headers) => broker.publish(to, payload, headers)))
  const ask = (): void => {
    asker.ask({ topic, payload: 1, timeout: 2 ** 31, target: 'it' }).subscribe({
      next: value => events.push(value),
      complete: () => events.push('complete'),
      error: (error: unknown) => events.push(error),
    })
  }
  /** The actor in one incarnation answers, and dies before it can settle the question. */
  const answer = async (answers$: Observable<unknown>): Promise<void> => {
    const incarnation = requests()
    const membership = broker.consume(request({ name: topic, pattern: topic, delay: 0 }), {
      next: (message: Message) => void incarnation.answer(message, answers$).subscribe(),
      complete: () => undefined,
      error: () => undefined,
    })
    await turns()
    membership.leave('unsubscribe')
    await turns()
  }
  const turns = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve()
    time.advance(1)
  }

  it('gets its answer once', async () => {
    ask()
    await answer(of('an answer'))
    await answer(of('an answer'))
    expect(events).to.deep.equal(['an answer', 'complete'])
  })

  it('gets the values of an answer that was not complete from the first one on again, and its end once', async () => {
    ask()
    await answer(concat(of(1, 2), NEVER))
    await answer(of(1, 2, 3))
    await answer(of(1, 2, 3))
    expect(events).to.deep.equal([1, 2, 1, 2, 3, 'complete'])
  })
})
