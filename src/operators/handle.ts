import type { ObservableInput, OperatorFunction } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { InvalidOptionError, type MsgvanError } from '../errors.js'
import { knownOptions, whole } from '../message/check-option.js'
import { takeInHand } from '../message/in-hand.js'
import { Message, type RetryRule } from '../message/message.js'
import { checkRetryDelay, retryDelayAfter, type RetryDelay } from '../message/retry-delay.js'
import { innerFromInput } from './inner-from-input.js'
import { mergeClaimed } from './merge-claimed.js'

export interface HandleConfig {
  /** How many messages are worked on at once. Default 1. */
  concurrency?: number
  /** Total tries; rules over the subscription's. */
  attempts?: number
  /** Until the next attempt, as in `topic()`'s options; rules over the subscription's. */
  delay?: RetryDelay
}

/**
 * Works on each message and settles it by how the work ends: acked when the inner stream completes (a promise resolves,
 * a plain value is returned), failed when it errors. A failure never ends the outer stream: the message comes again
 * after `delay`, up to `attempts` times, then becomes a dead letter. Results go downstream.
 *
 * Takes over settlement, so it works under `ack: 'auto'` and `'manual'` alike; put it before any operator that defers
 * (`delay`, `bufferTime` …), because with `'auto'` those have settled the message by the time it comes through.
 * While the work runs, `ackTimeout` is extended, and what waits for its turn has none yet. Unsubscribing cancels what runs and gives its messages back, unfailed.
 *
 * @param project what to do with a message: an Observable, a promise, any other ObservableInput, or a plain value
 * @throws InvalidOptionError
 * @example
 * bus.topic<Order>(/^orders\./, { name: 'billing' })
 *   .pipe(handle(message => charge(message.payload), { concurrency: 8, attempts: 5, delay: backoff({ initial: 100 }) }))
 *   .subscribe(receipt => console.log(receipt))
 */
export function handle<P, R>(
  project: (message: Message<P>) => ObservableInput<R> | R,
  config: HandleConfig = {},
): OperatorFunction<Message<P>, R> {
  if (typeof project !== 'function')
    throw new InvalidOptionError('handle() takes a function of a message: handle(message => …).')
  knownOptions('handle()', config, ['concurrency', 'attempts', 'delay'])
  const { delay } = config
  const concurrency = whole('handle: concurrency', config.concurrency ?? 1, 1, Number.MAX_SAFE_INTEGER)
  const attempts =
    config.attempts === undefined ? undefined : whole('handle: attempts', config.attempts, 1, 1_000_000)
  if (delay !== undefined) checkRetryDelay('handle: delay', delay)
  return mergeClaimed(message => work(message, project, { attempts, delay }), concurrency)
}

interface Rules {
  readonly attempts: number | undefined
  readonly delay: RetryDelay | undefined
}

function work<P, R>(
  message: Message<P>,
  project: (message: Message<P>) => ObservableInput<R> | R,
  rules: Rules,
): Observable<R> {
  return new Observable<R>(subscriber => {
    const settler = Message.settlerOf(message)
    const heartbeat =
      settler.ackTimeout > 0
        ? setInterval(() => settler.extend(message), Math.min(Math.max(1, settler.ackTimeout / 3), 2 ** 30))
        : undefined
    let isOnItsWayDown = false
    // Before the work is subscribed to: what ends at once must find it.
    subscriber.add(() => {
      clearInterval(heartbeat)
      if (!isOnItsWayDown) settler.release(message)
    })
    const failed = (error: unknown) => {
      settler.fail(message, error, retryRule(rules, error, message))
      subscriber.complete()
    }
    let result: Observable<R>
    try {
      result = innerFromInput(project(message))
    } catch (error) {
      failed(error)
      return
    }
    subscriber.add(
      result.subscribe({
        next: value => {
          // An error further down is this message's failure, however late its result came.
          const before = takeInHand(message)
          isOnItsWayDown = true
          try {
            subscriber.next(value)
          } finally {
            takeInHand(before)
            isOnItsWayDown = false
          }
          // A `take` down there had enough with this very result: it has seen it. (After an error it has failed by now.)
          if (subscriber.closed) settler.ack(message)
        },
        error: failed,
        complete: () => {
          settler.ack(message)
          subscriber.complete()
        },
      }),
    )
  })
}

function retryRule({ attempts, delay }: Rules, error: unknown, message: Message): RetryRule {
  const report = (mistake: MsgvanError) => Message.settlerOf(message).report?.(mistake)
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(delay === undefined ? {} : { delay: retryDelayAfter(delay, error, message.attempt, report) }),
  }
}
