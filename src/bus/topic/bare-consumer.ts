import type { Observer } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import { isPromise } from '../../message/check-option.js'
import { Message } from '../../message/message.js'
import type { Consumer } from '../contract/broker.js'
import type { TopicSource } from './topic-source.js'

/**
 * Hands deliveries straight to the app's observer if no operator stands between. Then only that call can fail, so it is
 * clear which message was in hand.
 */
export class BareConsumer implements Consumer {
  readonly #source: TopicSource
  readonly #observer: Partial<Observer<Message>>
  readonly #ending: Pick<Consumer, 'error' | 'complete'>
  readonly #autoAck: boolean

  /**
   * @param ending handles everything that is not a message
   */
  constructor(
    source: TopicSource,
    observer: Partial<Observer<Message>>,
    ending: Pick<Consumer, 'error' | 'complete'>,
  ) {
    this.#source = source
    this.#observer = observer
    this.#ending = ending
    this.#autoAck = source.autoAck
  }

  next(message: Message): void {
    try {
      // `void` may be a promise: subscribe(async …).
      const returned: unknown = this.#observer.next?.(message)
      if (isPromise(returned)) this.#source.watch(returned, message)
    } catch (error) {
      this.#source.failed(message, error)
    }
    if (this.#autoAck && !Message.isClaimed(message)) message.ack()
  }

  error(error: MsgvanError): void {
    this.#ending.error(error)
  }

  complete(): void {
    this.#ending.complete()
  }
}
