import type { Observable, OperatorFunction, Subscriber } from 'rxjs'
import { createOperatorSubscriber } from 'rxjs/internal/operators/OperatorSubscriber'
import { Claim } from '../message/claim.js'
import { Message } from '../message/message.js'
import { lift } from './rxjs-internals.js'

/** Decides about each message, given the running work. */
export interface OneAtATime<P> {
  /** Whether its work begins and cancels the running work, whose message is acked. Otherwise it is acked at once. */
  begins(message: Message<P>, running: Message<P> | undefined): boolean
}

/**
 * For `handleLatest` and `handleFirst`: at most one work runs, and messages do not wait for it.
 *
 * @param check throws for a value that it does not take
 */
export function oneAtATime<P, R, O extends OneAtATime<P>>(
  check: (message: Message<P>) => void,
  rule: () => O,
  work: (message: Message<P>, claim: Claim, rule: O) => Observable<R>,
): OperatorFunction<Message<P>, R> {
  return source =>
    lift<Message<P>, R>(source, {
      call: (subscriber, upstream) => {
        const place = new Place(subscriber, rule(), work)
        upstream.subscribe(
          createOperatorSubscriber<Message<P>>(
            subscriber,
            message => {
              check(message)
              place.take(message)
            },
            () => place.sourceCompleted(),
          ),
        )
      },
    })
}

/** The one place of one subscribe(). */
class Place<P, R, O extends OneAtATime<P>> {
  readonly #subscriber: Subscriber<R>
  readonly #rule: O
  readonly #work: (message: Message<P>, claim: Claim, rule: O) => Observable<R>
  #running: { readonly message: Message<P>; readonly claim: Claim; readonly inner: Subscriber<R> } | undefined
  #isSourceComplete = false

  constructor(
    subscriber: Subscriber<R>,
    rule: O,
    work: (message: Message<P>, claim: Claim, rule: O) => Observable<R>,
  ) {
    this.#subscriber = subscriber
    this.#rule = rule
    this.#work = work
  }

  take(message: Message<P>): void {
    const claim = new Claim(message)
    claim.begin()
    if (!this.#rule.begins(message, this.#running?.message)) {
      claim.ack()
      return
    }
    this.#cancel()
    this.#begin(message, claim)
  }

  sourceCompleted(): void {
    this.#isSourceComplete = true
    if (this.#running === undefined) this.#subscriber.complete()
  }

  /** Acks the message before the teardown of its work, which would give it back. */
  #cancel(): void {
    const superseded = this.#running
    if (superseded === undefined) return
    this.#running = undefined
    superseded.claim.ack()
    superseded.inner.unsubscribe()
  }

  #begin(message: Message<P>, claim: Claim): void {
    let isComplete = false
    const inner: Subscriber<R> = createOperatorSubscriber<R>(
      this.#subscriber,
      result => this.#subscriber.next(result),
      () => {
        isComplete = true
      },
      undefined,
      () => {
        if (!isComplete || this.#running?.inner !== inner) return
        this.#running = undefined
        if (this.#isSourceComplete) this.#subscriber.complete()
      },
    )
    this.#running = { message, claim, inner }
    this.#work(message, claim, this.#rule).subscribe(inner)
  }
}
