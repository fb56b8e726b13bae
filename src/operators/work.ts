import type { ObservableInput, Subscriber } from 'rxjs'
import { Observable } from 'rxjs/internal/Observable'
import { describe, InvalidOptionError, SubscriberError, type MsgvanError } from '../errors.js'
import { isPromise, knownOptions, shown, whole } from '../message/check-option.js'
import { heartbeatOf, type Claim } from '../message/claim.js'
import { takeInHand } from '../message/in-hand.js'
import { Message, type RetryRule } from '../message/message.js'
import { checkRetryDelay, retryDelayAfter, type RetryDelay } from '../message/retry-delay.js'
import { innerFromInput } from './inner-from-input.js'
import { errorsIn } from './rxjs-internals.js'
import { WorkSubscriber } from './work-subscriber.js'

/** The work on a message: an Observable, a promise, any other ObservableInput, or a plain value. */
export type Project<P, R> = (message: Message<P>) => ObservableInput<R> | R

/** Options for failures, of the operators that settle messages. They override the subscription's own rules. */
export interface FailureRules {
  /** Total tries. Overrides the subscription's. */
  attempts?: number
  /** The wait before the next attempt, like the option of `topic()`. Overrides the subscription's. */
  delay?: RetryDelay
}

/** @throws InvalidOptionError */
export function checkWork(
  operator: string,
  project: unknown,
  rules: FailureRules,
  more: string[] = [],
): void {
  if (typeof project !== 'function')
    throw new InvalidOptionError(`${operator}() takes a function of a message: ${operator}(message => …).`)
  knownOptions(`${operator}()`, rules, [...more, 'attempts', 'delay'])
  if (rules.attempts !== undefined) whole(`${operator}: attempts`, rules.attempts, 1, 1_000_000)
  if (rules.delay !== undefined) checkRetryDelay(`${operator}: delay`, rules.delay)
}

/**
 * For the operators that settle messages.
 *
 * @returns throws for any other value
 */
export function isMessage(operator: string): (value: unknown) => void {
  return value => {
    if (value instanceof Message) return
    throw new InvalidOptionError(
      `${operator}() takes the message itself; this is ${shown(value)}. Put ${operator}() before operators that make something else of the message, such as map().`,
    )
  }
}

/**
 * The work on one claimed message. Acks it when the work completes, fails it when the work errors, and completes in
 * both cases; torn down before, it gives the message back. What a teardown throws is reported, and changes nothing else.
 *
 * @param failed the message comes again, or becomes a dead letter
 */
export function work<P, R>(
  message: Message<P>,
  claim: Claim,
  project: Project<P, R>,
  rules: FailureRules,
  failed?: () => void,
): Observable<R> {
  return new Observable<R>(subscriber => {
    const settler = Message.settlerOf(message)
    const heartbeat =
      settler.ackTimeout > 0
        ? setInterval(() => settler.extend(message), heartbeatOf(settler.ackTimeout))
        : undefined
    let isOnItsWayDown = false
    // Before the subscription to the work: work that ends at once must find it.
    subscriber.add(() => {
      clearInterval(heartbeat)
      if (!isOnItsWayDown) claim.release()
    })
    const fail = (error: unknown) => {
      claim.fail(error, retryRule(rules, error, message))
      failed?.()
      complete(subscriber, message)
    }
    const inner = new WorkSubscriber<R>(
      {
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
          // A `take` further down completed with this very result: it has seen it. (After an error it has failed by
          // now.)
          if (subscriber.closed) claim.ack()
        },
        error: fail,
        complete: () => {
          claim.ack()
          complete(subscriber, message)
        },
      },
      error => report(message, 'The work on', 'threw after its end', error),
    )
    // From here on: values may end it before its subscribe() returns.
    subscriber.add(inner)
    try {
      const result = project(message)
      // A promise goes on in any case: it keeps its place, and a bus that drains waits for it.
      if (!isPromise(result)) claim.worksUntil(() => complete(subscriber, message))
      innerFromInput(result).subscribe(inner)
    } catch (error) {
      inner.error(error)
    }
  })
}

/** The last work may end the whole pipeline, whose teardowns are not the work's. */
function complete(subscriber: Subscriber<unknown>, message: Message): void {
  try {
    subscriber.complete()
  } catch (thrown) {
    for (const error of errorsIn(thrown)) report(message, 'A subscriber of', 'threw', error)
  }
}

function report(message: Message, who: string, what: string, error: unknown): void {
  const text = `${who} ${JSON.stringify(message.topic)} ${what}: ${describe(error)}`
  Message.settlerOf(message).report?.(new SubscriberError(text, message.topic, error))
}

function retryRule({ attempts, delay }: FailureRules, error: unknown, message: Message): RetryRule {
  const report = (mistake: MsgvanError) => Message.settlerOf(message).report?.(mistake)
  return {
    ...(attempts === undefined ? {} : { attempts }),
    ...(delay === undefined ? {} : { delay: retryDelayAfter(delay, error, message.attempt, report) }),
  }
}
