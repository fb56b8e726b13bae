/* eslint-disable @typescript-eslint/no-deprecated -- nothing else tells what RxJS would rethrow on a timer */
import type { Observable, Subscriber } from 'rxjs'
import { config } from 'rxjs/internal/config'
import { isSubscription } from 'rxjs/internal/Subscription'
import { errorContext } from 'rxjs/internal/util/errorContext'
import { isPromise } from '../message/check-option.js'

/*
 * All of msgvan's dependencies on RxJS's internals, beyond its documented interface. Read in 7.8.0, 7.8.1 and 7.8.2,
 * which are alike here; the peer dependency is ^7.8. RxJS 9 has neither `lift` nor `destination`.
 */

/** The argument of `lift`: it subscribes the subscriber, through itself, to the source. */
export interface Lifted<T, R> {
  call(subscriber: Subscriber<R>, source: Observable<T>): unknown
}

interface Liftable<T> {
  lift<R>(operator: Lifted<T, R>): Observable<R>
}

/** RxJS's own operators go through this hook: it keeps a pipeline on a topic together. */
export function lift<T, R>(source: Observable<T>, operator: Lifted<T, R>): Observable<R> {
  return (source as unknown as Liftable<T>).lift(operator)
}

/** A Subscriber of whichever copy of RxJS: an app may have one of its own beside msgvan's. */
export function isSubscriber<T>(value: unknown): value is Subscriber<T> {
  return isSubscription(value) && 'destination' in value && 'error' in value
}

/** Protected members of a Subscriber. */
interface Internals {
  readonly destination?: unknown
  readonly isStopped?: boolean
}

const internalsOf = (subscriber: object): Internals => subscriber

/**
 * A Subscriber and all those after it, to the end of the pipeline: each holds the next as `destination`, until it is
 * closed.
 */
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

/** The app's argument of `subscribe()`, in the form in which RxJS calls it. */
interface End {
  next?(value: unknown): unknown
  error?(error: unknown): unknown
  complete?(): unknown
}

/**
 * What the app threw in `next`, or in the callback of an `end`. `unhandled`: the app did not throw, an error came to its
 * end, which has no handler for it.
 */
export type Thrown = 'next' | 'end' | 'unhandled'
type Threw = (error: unknown, thrown: Thrown) => void

/** Gets the events at the end of a pipeline. */
export interface EndWatcher {
  readonly threw: Threw
  /**
   * A callback returned a promise (`subscribe(async …)`), which RxJS ignores.
   *
   * @param isAtEnd the callback of an error or a completion
   */
  readonly returned: (promise: PromiseLike<unknown>, isAtEnd: boolean) => void
  /** A value comes to the end. */
  readonly reached?: () => void
}

/** If an observer throws, or has no handler for an error, RxJS 7 would rethrow it on a timer, and end the process. */
class GuardedEnd implements Required<End> {
  readonly #end: End
  readonly #threw: Threw
  readonly #returned: EndWatcher['returned']
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
      if (isPromise(result)) this.#returned(result, false)
    } catch (error) {
      this.#threw(error, 'next')
    }
  }

  error(error: unknown): void {
    try {
      if (this.#end.error === undefined) this.#threw(error, 'unhandled')
      else this.#watch(this.#end.error(error))
    } catch (thrown) {
      this.#threw(thrown, 'end')
    }
  }

  complete(): void {
    try {
      this.#watch(this.#end.complete?.())
    } catch (error) {
      this.#threw(error, 'end')
    }
  }

  #watch(result: unknown): void {
    if (isPromise(result)) this.#returned(result, true)
  }
}

/**
 * Puts a guard around the app's argument of `subscribe()` at the end of a pipeline, unless it has one. Does nothing if
 * the end is not RxJS's (the deprecated `new Subscriber(observer)`): such an observer's throw comes up through `next`.
 */
export function guardEnd(last: Subscriber<unknown>, watcher: EndWatcher): void {
  const consumer = internalsOf(last).destination
  if (typeof consumer !== 'object' || consumer === null || !('partialObserver' in consumer)) return
  if (consumer.partialObserver instanceof GuardedEnd) return
  consumer.partialObserver = new GuardedEnd(consumer.partialObserver as End, watcher)
}

/** Each error in what a call threw: RxJS collects those of teardowns in an UnsubscriptionError. */
export function errorsIn(thrown: unknown): readonly unknown[] {
  const isOfTeardowns = thrown instanceof Error && thrown.name === 'UnsubscriptionError'
  return isOfTeardowns && 'errors' in thrown && Array.isArray(thrown.errors) ? thrown.errors : [thrown]
}

/** The result of `nextInto` when nothing was thrown. */
export const nothing: unique symbol = Symbol('nothing')

/**
 * Calls `subscriber.next(value)`. Returns the error that is thrown inside it, at any end that the value reaches within
 * the call, those behind a Subject too: RxJS would otherwise rethrow that on a timer and end the process. (It is its
 * deprecated synchronous error handling, for the length of this call.)
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
