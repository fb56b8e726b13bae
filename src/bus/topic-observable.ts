import type { Observer, Operator, Subscription } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { Subscriber } from 'rxjs/internal/Subscriber'
import type { Message } from '../message/message.js'
import { BareConsumer } from './bare-consumer.js'
import type { Consumer } from './broker.js'
import { Run } from './run.js'
import { TopicConsumer, type TopicSource } from './topic-source.js'

type PartialObserver<V> = Partial<Observer<V>>

/**
 * What `topic()` returns, and every stock operator piped onto it: `lift` keeps the link to the source, so that each
 * subscribe() of the outermost pipeline is one Run, and all that operators subscribe to inside it belongs to that Run.
 * (RxJS 7 builds every operator on `lift`; a hand-made operator that returns a plain `new Observable` begins a Run of its own.)
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

  /** @internal The hook that RxJS 7's operators go through. */
  override lift<R>(operator?: Operator<V, R>): Observable<R> {
    // RxJS's ConnectableObservable (publish(), multicast()) borrows the lift of its source.
    if (!(#topic in this)) return Observable.prototype.lift.call(this, operator) as Observable<R>
    return new TopicObservable<R>(this.#topic, this, operator)
  }

  override subscribe(observer?: PartialObserver<V>): Subscription
  override subscribe(next: (value: V) => void): Subscription
  override subscribe(
    next?: ((value: V) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription
  override subscribe(
    observerOrNext?: PartialObserver<V> | ((value: V) => void) | null,
    error?: ((error: unknown) => void) | null,
    complete?: (() => void) | null,
  ): Subscription {
    const run = new Run(this.#topic)
    if (observerOrNext instanceof Subscriber) return this.#runInto(observerOrNext as Subscriber<V>, run)
    const observer: PartialObserver<V> =
      typeof observerOrNext === 'function' || observerOrNext == null
        ? {
            ...(observerOrNext == null ? {} : { next: observerOrNext }),
            ...(error == null ? {} : { error }),
            ...(complete == null ? {} : { complete }),
          }
        : observerOrNext
    return new Observable<V>(subscriber => {
      this.#runInto(subscriber, run, observer)
    }).subscribe(guarded(observer, run))
  }

  #runInto(subscriber: Subscriber<V>, run: Run, end?: PartialObserver<V>): Subscription {
    subscriber.add(() => run.close())
    return this.subscribeIn(run, subscriber, end)
  }

  /**
   * @internal One stage of a running pipeline.
   * @param end the app's observer behind `subscriber`: where there is no operator between, messages go straight to it
   */
  subscribeIn(run: Run, subscriber: Subscriber<V>, end?: PartialObserver<V>): Subscription {
    run.watch(subscriber)
    if (this.#stage !== undefined && this.#upstream !== undefined) {
      subscriber.add(this.#stage.call(subscriber, new RunningStage(this.#upstream, run)))
    } else {
      // The root: V is Message here, and only here.
      run.attach(subscriber as unknown as Subscriber<Message>, target =>
        this.#consumer(new TopicConsumer(this.#topic, target, run), end),
      )
    }
    return subscriber
  }

  #consumer(consumer: TopicConsumer, end: PartialObserver<V> | undefined): Consumer {
    if (end === undefined || this.#topic.schema !== undefined) return consumer
    return new BareConsumer(this.#topic, end as PartialObserver<Message>, consumer)
  }
}

/** A stage as the operator after it sees it: whatever subscribes to it, now or at a retry, does so inside the Run. */
class RunningStage<V> extends Observable<V> {
  constructor(stage: TopicObservable<V>, run: Run) {
    super(subscriber => stage.subscribeIn(run, subscriber))
  }
}

/** The end of the pipeline: RxJS 7 would rethrow what an observer throws on a timer, and end the process. */
function guarded<V>(observer: PartialObserver<V>, run: Run): Observer<V> {
  const attempt = (call: () => void) => {
    try {
      call()
    } catch (error) {
      run.threw(error)
    }
  }
  return {
    next: value => {
      try {
        observer.next?.(value)
      } catch (error) {
        run.threw(error)
      }
    },
    error: (error: unknown) =>
      attempt(() => (observer.error === undefined ? run.threw(error) : observer.error(error))),
    complete: () => attempt(() => observer.complete?.()),
  }
}
