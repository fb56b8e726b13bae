import type { Observable, Observer, Operator, Subscription } from 'rxjs'
import { map } from 'rxjs/internal/operators/map'
import { takeUntil } from 'rxjs/internal/operators/takeUntil'
import { tap } from 'rxjs/internal/operators/tap'
import { ReplaySubject } from 'rxjs/internal/ReplaySubject'
import { Subject } from 'rxjs/internal/Subject'
import type { Message } from '../../message/message.js'
import { lift } from '../../operators/rxjs-internals.js'

/**
 * An rxjs Subject across processes. `next(payload)` publishes to its one topic. Subscribers get the payload of every
 * message on that topic, this subject's own included. `complete()` and `error()` end this subject here, for its own
 * subscribers; they do not cross.
 *
 * The bus's `errors$` and the log report a refused publish.
 *
 * @example
 * const lamp = bus.subject<boolean>('home.lamp')
 * lamp.subscribe(on => console.log('lamp', on))
 * lamp.next(true)
 */
export class BusSubject<P> extends Subject<P> {
  readonly #payloads: Observable<P>
  readonly #publish: (payload: P) => void
  /** Late subscribers learn of the end too. */
  readonly #end = new ReplaySubject<void>(1)
  #ended = false
  /** The topic has the observers, not the Subject. */
  #observers = 0

  /** Made by `bus.subject(topic)`. */
  constructor(messages: Observable<Message<P>>, publish: (payload: P) => void) {
    super()
    this.#payloads = messages.pipe(
      map(message => message.payload),
      takeUntil(this.#end),
      tap({ subscribe: () => (this.#observers += 1), finalize: () => (this.#observers -= 1) }),
    )
    this.#publish = publish
  }

  override get observed(): boolean {
    return this.#observers > 0
  }

  override next(payload: P): void {
    if (!this.#ended) this.#publish(payload)
  }

  override error(error: unknown): void {
    this.#ended = true
    this.#end.error(error)
    super.error(error)
  }

  override complete(): void {
    this.#ended = true
    this.#end.next()
    super.complete()
  }

  override unsubscribe(): void {
    this.#ended = true
    this.#end.next()
    super.unsubscribe()
  }

  /** Operators go straight onto the topic, so that errors and `retry()` settle as they do there. */
  override lift<R>(operator: Operator<P, R>): Observable<R> {
    return lift(this.#payloads, operator)
  }

  override subscribe(observerOrNext?: Partial<Observer<P>> | ((value: P) => void)): Subscription
  override subscribe(
    next?: ((value: P) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription
  override subscribe(
    observerOrNext?: Partial<Observer<P>> | ((value: P) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    if (typeof observerOrNext === 'function' || observerOrNext == null) {
      return this.#payloads.subscribe(observerOrNext, error, complete)
    }
    return this.#payloads.subscribe(observerOrNext)
  }
}
