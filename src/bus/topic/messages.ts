import type { Observable, Observer } from 'rxjs'
import type { Message } from '../../message/message.js'
import type { DisposableSubscription } from '../ending/disposable.js'

/**
 * The result of `topic()`: an Observable of messages. Its subscriptions work with `using`, and `for await` reads it. An
 * Observable behind `pipe()` is a plain one.
 */
export interface Messages<P = unknown> extends Observable<Message<P>> {
  subscribe(
    observerOrNext?: Partial<Observer<Message<P>>> | ((message: Message<P>) => void),
  ): DisposableSubscription
  /** @deprecated As in RxJS: give an observer. */
  subscribe(
    next?: ((message: Message<P>) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): DisposableSubscription

  /**
   * For `for await`. A message is acked when the loop asks for the next one (with `ack: 'manual'`: by its verbs), and the
   * loop gets nothing that it did not ask for: `prefetch` is 1 by default. `ackTimeout` begins when the loop gets the
   * message.
   *
   * `break`, `return` and a throw in the body leave the message in hand unsettled: it goes back, and counts no failure.
   * Call `message.ack()` before, if it is done. A message that was left more than `attempts` times becomes a dead letter
   * with the reason `abandoned`. Without a name the subscription ends with the loop. `close()` waits for the body, and
   * then the loop ends.
   *
   * @throws (as a rejection of `next()`) what the Observable would error with
   * @example
   * for await (const message of bus.topic('jobs', { name: 'workers' })) await work(message.payload)
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message<P>>

  /**
   * A Web Stream of the messages, with the rules of `for await`: each read acks the message before, and `cancel()` leaves
   * the message in hand unsettled.
   *
   * @example
   * await bus.topic('jobs', { name: 'workers' }).toReadable().pipeTo(new WritableStream({ write: message => work(message.payload) }))
   */
  toReadable(): ReadableStream<Message<P>>
}
