import type { Observable, ObservableInput, OperatorFunction, Subscriber } from 'rxjs'
import { EMPTY } from 'rxjs/internal/observable/empty'
import { finalize } from 'rxjs/internal/operators/finalize'
import { mergeMap } from 'rxjs/internal/operators/mergeMap'
import { tap } from 'rxjs/internal/operators/tap'
import { Message } from '../message/message.js'

/** The hook of RxJS 7's own operators: through it a pipeline on a topic stays one. */
interface Liftable<T> {
  lift<R>(operator: { call(subscriber: Subscriber<R>, upstream: Observable<T>): unknown }): Observable<R>
}

/**
 * `mergeMap` for work that settles its messages itself. They are claimed on arrival, not when their turn comes: those that
 * wait for a free place must not be settled meanwhile. Torn down, it gives back, as never seen, those whose turn never came.
 */
export function mergeClaimed<T, R>(
  project: (value: T) => ObservableInput<R>,
  concurrency: number,
): OperatorFunction<T, R> {
  return source =>
    (source as unknown as Liftable<T>).lift<R>({
      call: (subscriber, upstream) => {
        const waiting = new Set<Message>()
        return upstream
          .pipe(
            tap(value => {
              if (!(value instanceof Message)) return
              Message.claim(value)
              if (Message.tagOf(value) !== undefined) waiting.add(value)
            }),
            mergeMap(value => {
              if (value instanceof Message) {
                // Taken away while it waited (the session was lost, or this process was stopped for too long): it is somebody else's.
                if (waiting.delete(value) && Message.tagOf(value) === undefined) return EMPTY
                Message.settlerOf(value).begin(value)
              }
              return project(value)
            }, concurrency),
            finalize(() => {
              for (const message of waiting) Message.settlerOf(message).release(message, true)
            }),
          )
          .subscribe(subscriber)
      },
    })
}
