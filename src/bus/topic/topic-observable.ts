import type { Observer, Operator, Subscriber, Subscription } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { UnsupportedError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { chainOf, isSubscriber } from '../../operators/rxjs-internals.js'
import type { RootChain } from './pipeline-subscription.js'
import { BareConsumer } from './bare-consumer.js'
import type { Consumer } from '../contract/broker.js'
import { disposable, type DisposableSubscription } from '../ending/disposable.js'
import { MessageLoop } from '../loop/message-loop.js'
import { toReadable } from '../loop/to-readable.js'
import { Run } from './run.js'
import { TopicConsumer, type TopicSource } from './topic-source.js'

type PartialObserver<V> = Partial<Observer<V>>

/** The Run behind a stage; if it ends at a Subject, also the Run behind that. */
interface Place {
  readonly run: Run
  readonly beyond: Run | undefined
}

/**
 * The result of `topic()`, and of every stock operator piped onto it. At each subscription (by an operator, `merge()`
 * or an app), it finds its pipeline by the chain of subscribers that it gets (`Run`). `lift` also keeps the link to the
 * source, past Subjects, which end a chain.
 */
export class TopicObservable<V> extends Observable<V> {
  readonly #topic: TopicSource
  readonly #upstream: TopicObservable<unknown> | undefined
  readonly #stage: Operator<unknown, V> | undefined

  constructor(topic: TopicSource, upstream?: TopicObservable<unknown>, stage?: Operator<unknown, V>) {
    super()
    this.#topic = topic
    this.#upstream = upstream
    this.#stage = stage
  }

  /**
   * @internal RxJS 7's operators go through this hook.
   */
  override lift<R>(operator?: Operator<V, R>): Observable<R> {
    // RxJS's ConnectableObservable (publish(), multicast()) borrows the lift of its source.
    if (!(#topic in this)) return Observable.prototype.lift.call(this, operator) as Observable<R>
    return new TopicObservable<R>(this.#topic, this, operator)
  }

  override subscribe(observer?: PartialObserver<V>): DisposableSubscription
  override subscribe(next: (value: V) => void): DisposableSubscription
  override subscribe(
    next?: ((value: V) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): DisposableSubscription
  override subscribe(
    observerOrNext?: PartialObserver<V> | ((value: V) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): DisposableSubscription {
    if (isSubscriber<V>(observerOrNext)) return this.subscribeIn(observerOrNext) as DisposableSubscription
    const observer: PartialObserver<V> =
      typeof observerOrNext === 'function' || observerOrNext == null
        ? {
            ...(observerOrNext == null ? {} : { next: observerOrNext }),
            ...(error == null ? {} : { error }),
            ...(complete == null ? {} : { complete }),
          }
        : observerOrNext
    const all$ = new Observable<V>(subscriber => {
      this.subscribeIn(subscriber, undefined, observer)
    })
    return disposable(all$.subscribe(observer))
  }

  /** See `Messages`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<V> {
    if (this.#stage !== undefined)
      throw new UnsupportedError(
        '`for await` reads only what topic() itself returns: an operator may have the message already. Put the body of the loop into handle(message => …), or the work of the operators into the body.',
      )
    // At the root, and only here, V is Message.
    return new MessageLoop(this.#topic) as unknown as AsyncIterableIterator<V>
  }

  /** See `Messages`. */
  toReadable(): ReadableStream<V> {
    return toReadable(this)
  }

  /**
   * @internal One stage of a running pipeline.
   *
   * @param place the Run to which `lift` leads
   * @param end the app's observer behind `subscriber`. Without an operator between, messages go straight to it
   */
  subscribeIn(subscriber: Subscriber<V>, place?: Place, end?: PartialObserver<V>): Subscription {
    const chain = chainOf(subscriber)
    const run = Run.from(chain, this.#topic, place?.run, end !== undefined && !isSubject(end))
    const beyond = run === place?.run ? place.beyond : place?.run
    if (this.#stage !== undefined && this.#upstream !== undefined) {
      subscriber.add(this.#stage.call(subscriber, new RunningStage(this.#upstream, { run, beyond })))
    } else {
      // At the root, and only here, V is Message.
      const root = chain as unknown as RootChain
      run.attach(root, this.#topic, beyond, subscription =>
        this.#consumer(new TopicConsumer(this.#topic, root[0], subscription), end),
      )
    }
    return subscriber
  }

  #consumer(consumer: TopicConsumer, end: PartialObserver<V> | undefined): Consumer {
    // Other subscribers stand behind a Subject.
    if (end === undefined || isSubject(end) || this.#topic.schema !== undefined) return consumer
    return new BareConsumer(this.#topic, end as PartialObserver<Message>, consumer)
  }
}

const isSubject = (end: object): boolean => 'observers' in end

/** A stage for the operator after it: every subscription to it, now or at a retry, happens inside the Run. */
class RunningStage<V> extends Observable<V> {
  constructor(stage: TopicObservable<V>, place: Place) {
    super(subscriber => {
      stage.subscribeIn(subscriber, place)
    })
  }
}
