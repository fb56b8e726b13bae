import { MiddlewareError } from '../../errors.js'
import { noHeaders, type Headers } from '../../message/envelope.js'
import { asRequest, type Message } from '../../message/message.js'
import type { Middlewares } from '../middleware/middlewares.js'
import type { ReplyInbox } from '../actors/reply-inbox.js'
import type { Responder } from './answering.js'
import { ownTopic, type Asked } from './asked.js'
import { ownHeaders } from './request-messages.js'

/** The way of requests and answers through the middleware of a bus. */
export class Passage {
  readonly #middlewares: Middlewares
  readonly #inbox: ReplyInbox

  constructor(middlewares: Middlewares, inbox: ReplyInbox) {
    this.#middlewares = middlewares
    this.#inbox = inbox
  }

  /** @param isWanted its asker may give up meanwhile */
  request({ request, payload }: Asked, headers: Headers, isWanted: () => boolean): Promise<void> {
    const message = { topic: ownTopic(request.topic), payload, headers: noHeaders }
    return this.#middlewares.outgoing('request', message, async last => {
      if (isWanted()) await this.#inbox.send(request.topic, last.payload, { ...last.headers, ...headers })
    })
  }

  answer(to: string, topic: string, payload: unknown, headers: Headers): Promise<void> {
    return this.#middlewares.outgoing('answer', { topic, payload, headers: noHeaders }, last =>
      this.#inbox.post(to, last.payload, { ...last.headers, ...headers }),
    )
  }

  /** The responder behind the middleware. */
  responder(responder: Responder): Responder {
    return message => {
      let result: unknown
      const take = (): void => {
        result = responder(message)
      }
      if (this.#middlewares.incoming('request', message, take)) return result
      throw leftOut('request', message.topic)
    }
  }

  /** @throws the error of a middleware */
  payloadOf(answer: Message, { request }: Asked): unknown {
    const topic = ownTopic(request.topic)
    const { attempt, redelivered } = answer
    asRequest(answer, { topic, headers: ownHeaders(answer.headers), attempt, redelivered })
    if (this.#middlewares.incoming('answer', answer, () => undefined)) return answer.payload
    throw leftOut('answer', topic)
  }
}

function leftOut(what: string, topic: string): MiddlewareError {
  return new MiddlewareError(
    `A middleware left out the ${what} on ${JSON.stringify(topic)}: its deliver() ended without next().`,
  )
}
