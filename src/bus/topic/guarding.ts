import type { Subscriber } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { describe, SubscriberError, type MsgvanError } from '../../errors.js'
import { chainOf, errorsIn, guardEnd as guardLast } from '../../operators/rxjs-internals.js'
import { Run } from './run.js'

type Report = (error: MsgvanError) => void

/**
 * For a bus's Observables other than topics: if the app throws at the end of its pipeline or in a teardown, or does not
 * handle an error, this reports it, and the process lives on.
 *
 * @param what a readable name
 */
export function guardEnd(subscriber: Subscriber<unknown>, what: string, report: Report): void {
  const last = chainOf(subscriber).at(-1) ?? subscriber
  const tell = (text: string, error: unknown): void =>
    report(new SubscriberError(`${text}: ${describe(error)}`, undefined, error))
  guardTeardown(subscriber, error => tell(`A subscriber of ${what} threw`, error))
  guardLast(last, {
    threw: (error, thrown) => {
      // Where a topic meets it (`combineLatest`), a message may fail.
      const run = Run.at(last)
      if (run !== undefined) run.threw(error, thrown)
      else
        tell(
          thrown === 'unhandled' ? `An error of ${what} has no handler` : `A subscriber of ${what} threw`,
          error,
        )
    },
    returned: promise => {
      promise.then(undefined, (error: unknown) =>
        tell(`The promise of a subscriber of ${what} was rejected`, error),
      )
    },
  })
}

/**
 * What a teardown (`finalize`) throws comes out of `error()`, `complete()`, and of a `next()` that ends the pipeline. It
 * must not end those that come after, nor the van's own work.
 */
export function guardTeardown<T>(subscriber: Subscriber<T>, threw: (error: unknown) => void): void {
  const next = subscriber.next.bind(subscriber)
  const error = subscriber.error.bind(subscriber)
  const complete = subscriber.complete.bind(subscriber)
  const guarded = (call: () => void): void => {
    try {
      call()
    } catch (thrown) {
      errorsIn(thrown).forEach(threw)
    }
  }
  subscriber.next = value => guarded(() => next(value))
  subscriber.error = (thrown: unknown) => guarded(() => error(thrown))
  subscriber.complete = () => guarded(complete)
}

export function guarding<T>(source: Observable<T>, what: string, report: Report): Observable<T> {
  return new Observable(subscriber => {
    guardEnd(subscriber, what, report)
    return source.subscribe(subscriber)
  })
}
