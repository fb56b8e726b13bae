import type { Subscription } from 'rxjs'
import type { Message } from '../../message/message.js'
import { ReplyInbox, type Send } from '../actors/reply-inbox.js'
import type { Broker } from '../contract/broker.js'
import type { Middlewares } from '../middleware/middlewares.js'
import type { Responder } from './answering.js'
import type { CheckedReply, CheckedRequest } from './check-requests.js'
import { Passage } from './passage.js'
import { Requests } from './requests.js'
import { Responders } from './responders.js'

/**
 * Requests and replies of one bus. A request is a message on `$request/<topic>`, which one of the matching responders
 * gets; the answer is a message to the address of the asker's bus.
 */
export class RequestsOfBus {
  readonly #inbox: ReplyInbox
  readonly #requests: Requests
  readonly #responders: Responders

  constructor(broker: Broker, send: Send, middlewares: Middlewares | undefined) {
    this.#inbox = new ReplyInbox(broker, send)
    const open = (): void => this.#open()
    const passage = middlewares === undefined ? undefined : new Passage(middlewares, this.#inbox)
    this.#requests = new Requests(broker, this.#inbox, open, passage)
    this.#responders = new Responders(broker, this.#inbox, open, passage)
  }

  request(payload: unknown, request: CheckedRequest): Promise<unknown> {
    return this.#requests.request(payload, request)
  }

  reply(reply: CheckedReply, responder: Responder): Subscription {
    return this.#responders.reply(reply, responder)
  }

  #open(): void {
    this.#inbox.open({
      read: message => this.#read(message),
      lapsed: () => this.#requests.lapsed(),
      ended: error => {
        this.#responders.end()
        this.#requests.end(error)
      },
    })
  }

  #read(message: Message): void {
    if (!this.#responders.read(message)) this.#requests.read(message)
  }
}
