import type { Subscriber } from 'rxjs'
import { isStopped } from '../../operators/rxjs-internals.js'
import type { Passing } from './passing.js'

/**
 * Calls `fail` before an error of this subscriber. Calls `pass` in place of its error or completion; `on` continues it.
 */
export function intercept(
  subscriber: Subscriber<unknown>,
  fail: (thrown: unknown) => void,
  pass: (cause: Passing<unknown>['cause'], on: () => void) => void,
): void {
  const error = subscriber.error.bind(subscriber)
  const complete = subscriber.complete.bind(subscriber)
  subscriber.error = (thrown: unknown) => {
    if (!isStopped(subscriber)) fail(thrown)
    pass('error', () => error(thrown))
  }
  subscriber.complete = () => pass('complete', complete)
}
