import type { OperatorFunction } from 'rxjs'
import type { Message } from '../message/message.js'
import { oneAtATime, type OneAtATime } from './one-at-a-time.js'
import { checkWork, isMessage, work, type FailureRules, type Project } from './work.js'

/** The most superseded failed messages that it remembers, to ack them when they come again. */
const MOST_SUPERSEDED = 10_000

/**
 * Like `handle`, with `switchMap`'s choice: works on the latest message only. A new one cancels the running work, and
 * the message of that work is acked. A message that failed comes again after `delay`, unless a newer one came
 * meanwhile: then it is acked.
 *
 * @param project the work on a message: an Observable, a promise, any other ObservableInput, or a plain value
 * @throws InvalidOptionError
 * @example
 * bus.topic<Query>('search').pipe(handleLatest(message => search(message.payload))).subscribe(show)
 */
export function handleLatest<P, R>(
  project: Project<P, R>,
  config: FailureRules = {},
): OperatorFunction<Message<P>, R> {
  checkWork('handleLatest', project, config)
  return oneAtATime<P, R, Latest<P>>(
    isMessage('handleLatest'),
    () => new Latest(),
    (message, claim, latest) => work(message, claim, project, config, () => latest.failed(message)),
  )
}

class Latest<P> implements OneAtATime<P> {
  /** It waits for its next attempt, and no newer message has come. */
  #failed: string | undefined
  readonly #superseded = new Set<string>()

  failed({ id }: Message<P>): void {
    this.#failed = id
  }

  begins({ id }: Message<P>): boolean {
    if (this.#superseded.delete(id)) return false
    if (this.#failed !== undefined && this.#failed !== id) this.#remember(this.#failed)
    this.#failed = undefined
    return true
  }

  #remember(id: string): void {
    this.#superseded.add(id)
    const [oldest] = this.#superseded
    if (this.#superseded.size > MOST_SUPERSEDED && oldest !== undefined) this.#superseded.delete(oldest)
  }
}
