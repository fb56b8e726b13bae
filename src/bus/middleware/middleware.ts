import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'

/** What passes a middleware: a message of a topic, a request, or the answer to one. */
export type MiddlewareKind = 'message' | 'request' | 'answer'

/** A message on its way out. An answer has the topic of its request. */
export interface OutgoingMessage {
  readonly topic: string
  readonly payload: unknown
  readonly headers: Headers
}

/** Takes the place of payload, headers or both. What it leaves out stays as it is. */
export interface MiddlewareChanges {
  readonly payload?: unknown
  readonly headers?: Headers
}

/** Passes the message on. Resolves when the van has taken it over. */
export type PublishNext = (changes?: MiddlewareChanges) => Promise<void>

/** Passes the message on. Returns when the subscriber's `next` has returned. */
export type DeliverNext = (changes?: MiddlewareChanges) => void

/**
 * Code around everything that a bus publishes and gets: messages of topics, requests and answers. Actors, exposed
 * Observables and system topics do not pass it.
 *
 * @example
 * const tenant: Middleware = {
 *   publish: (message, next) => next({ headers: { ...message.headers, tenant: 'a' } }),
 * }
 * const bus = van({ use: [tenant] })
 */
export interface Middleware {
  /**
   * Called for each publish, in the order of `use`. It may be asynchronous: the bus keeps the order of its publishes,
   * so later ones wait for this one. Await no publish of the same bus before `next`, unless it is the first thing that
   * you do. A throw or rejection rejects the publish. Without a call of `next` nothing is published, and the publish
   * resolves; a request then rejects with MiddlewareError.
   */
  publish?(message: OutgoingMessage, next: PublishNext, kind: MiddlewareKind): PromiseLike<unknown> | void
  /**
   * Called for each delivery, in the reverse order of `use`. It is synchronous. A throw fails the delivery, as a throw of
   * the subscriber does. Without a call of `next` the subscriber does not see the message, which is acked, unless this
   * settles it.
   */
  deliver?(message: Message, next: DeliverNext, kind: MiddlewareKind): void
}
