import type { OperatorFunction } from 'rxjs'
import type { Message } from '../message/message.js'
import { oneAtATime, type OneAtATime } from './one-at-a-time.js'
import { checkWork, isMessage, work, type FailureRules, type Project } from './work.js'

/**
 * Like `handle`, with `exhaustMap`'s choice: messages that come while work runs are acked, without any work. A message
 * that failed comes again after `delay`; if other work runs then, it is acked, too.
 *
 * @param project the work on a message: an Observable, a promise, any other ObservableInput, or a plain value
 * @throws InvalidOptionError
 * @example
 * bus.topic('cache.refresh').pipe(handleFirst(() => refresh(), { attempts: 3 })).subscribe()
 */
export function handleFirst<P, R>(
  project: Project<P, R>,
  config: FailureRules = {},
): OperatorFunction<Message<P>, R> {
  checkWork('handleFirst', project, config)
  return oneAtATime<P, R, OneAtATime<P>>(
    isMessage('handleFirst'),
    () => ({ begins: (_message, running) => running === undefined }),
    (message, claim) => work(message, claim, project, config),
  )
}
