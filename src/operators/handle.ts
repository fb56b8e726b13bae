import type { OperatorFunction } from 'rxjs'
import { whole } from '../message/check-option.js'
import type { Claim } from '../message/claim.js'
import type { Message } from '../message/message.js'
import { mergeClaimed } from './merge-claimed.js'
import { checkWork, isMessage, work, type FailureRules, type Project } from './work.js'

export interface HandleConfig extends FailureRules {
  /** The number of messages in work at once. Default 1. */
  concurrency?: number
}

/**
 * Works on each message and settles it by the end of the work: acked when the inner stream completes (a promise
 * resolves, a plain value is returned), failed when it errors. A failure never ends the outer stream: the message comes
 * again after `delay`, up to `attempts` times, then becomes a dead letter. Results go downstream.
 *
 * It takes over settlement, so it works under `ack: 'auto'` and `'manual'` alike. Put it before any operator that
 * defers (`delay`, `bufferTime` …), because with `'auto'` those have settled the message by the time it comes through.
 * While the work runs, `ackTimeout` is extended; it does not run yet for a message that waits for its turn.
 * Unsubscribing cancels the running work and gives its messages back, unfailed. The work is unsubscribed, too, when its
 * delivery is taken away (see `message.signal`). A promise cannot be stopped, and keeps its place until it ends: give it
 * that signal.
 *
 * @param project the work on a message: an Observable, a promise, any other ObservableInput, or a plain value
 * @throws InvalidOptionError
 * @example
 * bus.topic<Order>(/^orders\./, { name: 'billing' })
 *   .pipe(handle(message => charge(message.payload), { concurrency: 8, attempts: 5, delay: backoff({ initial: 100 }) }))
 *   .subscribe(receipt => console.log(receipt))
 */
export function handle<P, R>(
  project: Project<P, R>,
  config: HandleConfig = {},
): OperatorFunction<Message<P>, R> {
  checkWork('handle', project, config, ['concurrency'])
  const concurrency = whole('handle: concurrency', config.concurrency ?? 1, 1, Number.MAX_SAFE_INTEGER)
  return mergeClaimed<Message<P>, R>(
    (message, claim) => work(message, claim as Claim, project, config),
    concurrency,
    isMessage('handle'),
  )
}
