import type { Observable, ObservableInput } from 'rxjs'
import { from } from 'rxjs/internal/observable/from'
import { of } from 'rxjs/internal/observable/of'
import { observable } from 'rxjs/internal/symbol/observable'
import { isObservable } from 'rxjs/internal/util/isObservable'
import { isPromise } from '../message/check-option.js'

/**
 * The result of a project function as an Observable: like `mergeMap`, but strings and binary data are one value, and so
 * is everything that is not an ObservableInput.
 */
export function innerFromInput<R>(result: ObservableInput<R> | R): Observable<R> {
  if (isObservable(result)) return result
  if (typeof result !== 'object' || result === null || ArrayBuffer.isView(result)) return of(result)
  return isInput(result) ? from(result as ObservableInput<R>) : of(result as R)
}

function isInput(value: object): boolean {
  return (
    Symbol.iterator in value ||
    Symbol.asyncIterator in value ||
    observable in value ||
    'getReader' in value ||
    isPromise(value)
  )
}
