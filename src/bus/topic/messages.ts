import type { Observable, Observer } from 'rxjs'
import type { Message } from '../../message/message.js'
import type { DisposableSubscription } from '../ending/disposable.js'

/** The result of `topic()`: an Observable of messages. Its subscriptions work with `using`. */
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
}
