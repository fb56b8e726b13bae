import { Observable } from 'rxjs/internal/Observable'
import { onAbort } from './on-abort.js'

/**
 * The same Observable; it errors with the signal's reason when the signal aborts, and at once if it has. A later
 * subscription completes: `retry()` would otherwise come back forever.
 */
export function abortable<T>(source: Observable<T>, signal: AbortSignal | undefined): Observable<T> {
  if (signal === undefined) return source
  let isTold = false
  return new Observable(subscriber => {
    if (signal.aborted && isTold) {
      subscriber.complete()
      return
    }
    const abort = (): void => {
      isTold = true
      subscriber.error(signal.reason)
    }
    if (signal.aborted) {
      abort()
      return
    }
    subscriber.add(onAbort(signal, abort))
    source.subscribe(subscriber)
  })
}
