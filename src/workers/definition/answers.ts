import type { ObservableInput } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { from } from 'rxjs/internal/observable/from'
import { of } from 'rxjs/internal/observable/of'
import { mergeMap } from 'rxjs/internal/operators/mergeMap'
import { isObservable } from 'rxjs/internal/util/isObservable'

/**
 * The answers in a result of `receive`: the values of an Observable or an async iterable; of a promise, its value,
 * which may be one of those. Everything else is one answer, arrays too.
 */
export function answersOf<A>(returned: ObservableInput<A> | A): Observable<A> {
  if (isObservable(returned)) return returned
  if (typeof returned !== 'object' || returned === null) return of(returned)
  if ('then' in returned && typeof returned.then === 'function')
    return from(returned).pipe(mergeMap(answersOf))
  return Symbol.asyncIterator in returned ? from(returned) : of(returned as A)
}
