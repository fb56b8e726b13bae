/* eslint-disable @typescript-eslint/no-deprecated -- nothing else tells what RxJS would rethrow on a timer */
import type { Observable, Subscriber } from 'rxjs'
import { config } from 'rxjs/internal/config'
import { isSubscription } from 'rxjs/internal/Subscription'
import { errorContext } from 'rxjs/internal/util/errorContext'

/*
 * All that msgvan knows of RxJS's insides, beyond its documented interface. Read in 7.8.0, 7.8.1 and 7.8.2, which are alike
 * here; the peer dependency is ^7.8. RxJS 9 has neither `lift` nor `destination`.
 */

/** What `lift` takes: it subscribes the subscriber, through itself, to the source. */
export interface Lifted<T, R> {
  call(subscriber: Subscriber<R>, source: Observable<T>): unknown
}

interface Liftable<T> {
  lift<R>(operator: Lifted<T, R>): Observable<R>
}

/** The hook that RxJS's own operators go through: by it a pipeline on a topic stays one. */
export function lift<T, R>(source: Observable<T>, operator: Lifted<T, R>): Observable<R> {
  return (source as unknown as Liftable<T>).lift(operator)
}

/** A Subscriber of whichever copy of RxJS: an app may have one of its own beside the one that msgvan found. */
export function isSubscriber<T>(value: unknown): value is Subscriber<T> {
  return isSubscription(value) && 'destination' in value && 'error' in value
}

/** Protected members of a Subscriber. */
interface Internals {
  readonly destination?: unknown
  readonly isStopped?: boolean
}

const internalsOf = (subscriber: object): Internals => subscriber

/** A Subscriber and all that it passes things on to, to the end of the pipeline: each holds the next as `destination`, until it is closed. */
export function chainOf(subscriber: Subscriber<unknown>): readonly Subscriber<unknown>[] {
  const chain = [subscriber]
  for (let at = subscriber; ;) {
    const next = internalsOf(at).destination
    if (!isSubscriber<unknown>(next)) return chain
    chain.push(next)
    at = next
  }
}

/** Nothing passes it any more: an error or a completion is on its way through it, or it is closed. */
export function isStopped(subscriber: Subscriber<unknown>): boolean {
  return internalsOf(subscriber).isStopped === true || subscriber.closed
}

/** What an app gave to `subscribe()`, as it is called. */
interface End {
  next?(value: unknown): unknown
  error?(error: unknown): void
  complete?(): void
}

/** @param isUnhandled the app did not throw: an error came to its end, which takes none */
type Threw = (error: unknown, isUnhandled?: boolean) => void

/** Learns what happens at the end of a pipeline. */
export interface EndWatcher {
  readonly threw: Threw
  /** `subscribe(async …)`: the subscriber returned a promise, which RxJS does not look at. */
  readonly returned: (promise: PromiseLike<unknown>) => void
  /** A value comes to the end. */
  readonly reached?: () => void
}

/** Whether it is a promise, of whichever kind. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** RxJS 7 would rethrow what an observer throws, and an error that it does not take, on a timer, and end the process. */
class GuardedEnd implements Required<End> {
  readonly #end: End
  readonly #threw: Threw
  readonly #returned: (promise: PromiseLike<unknown>) => void
  readonly #reached: (() => void) | undefined

  constructor(end: End, { threw, returned, reached }: EndWatcher) {
    this.#end = end
    this.#threw = threw
    this.#returned = returned
    this.#reached = reached
  }

  next(value: unknown): void {
    this.#reached?.()
    try {
      const result = this.#end.next?.(value)
      if (isPromise(result)) this.#returned(result)
    } catch (error) {
      this.#threw(error)
    }
  }

  error(error: unknown): void {
    try {
      if (this.#end.error === undefined) this.#threw(error, true)
      else this.#end.error(error)
    } catch (thrown) {
      this.#threw(thrown)
    }
  }

  complete(): void {
    try {
      this.#end.complete?.()
    } catch (error) {
      this.#threw(error)
    }
  }
}

/**
 * Puts a guard around what the app gave to `subscribe()` at the end of a pipeline, unless there is one. Nothing happens where the
 * end is none of RxJS's (the deprecated `new Subscriber(observer)`): what such an observer throws comes up through `next`.
 */
export function guardEnd(last: Subscriber<unknown>, watcher: EndWatcher): void {
  const consumer = internalsOf(last).destination
  if (typeof consumer !== 'object' || consumer === null || !('partialObserver' in consumer)) return
  if (consumer.partialObserver instanceof GuardedEnd) return
  consumer.partialObserver = new GuardedEnd(consumer.partialObserver as End, watcher)
}

/** What `nextInto` returns when nothing was thrown. */
export const nothing: unique symbol = Symbol('nothing')

/**
 * `subscriber.next(value)`. Returns what is thrown inside it, at any end that the value reaches within the call, those behind a
 * Subject too: RxJS would else rethrow that on a timer and end the process. (It is its deprecated synchronous error handling, for
 * the length of this call.)
 */
export function nextInto<T>(subscriber: Subscriber<T>, value: T): unknown {
  const before = config.useDeprecatedSynchronousErrorHandling
  config.useDeprecatedSynchronousErrorHandling = true
  let thrown: unknown = nothing
  try {
    errorContext(() => {
      try {
        subscriber.next(value)
      } catch (error) {
        thrown = error
      }
    })
  } catch (error) {
    if (thrown === nothing) thrown = error
  } finally {
    config.useDeprecatedSynchronousErrorHandling = before
  }
  return thrown
}
