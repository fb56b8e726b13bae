import type { Subscriber } from 'rxjs'
import { messageInHand } from '../message/in-hand.js'
import { Message } from '../message/message.js'
import type { Consumer, Membership } from './broker.js'
import type { Ending, TopicSource } from './topic-source.js'

/** How long an unnamed subscription waits for `retry({ delay })` to come back for it. */
const retryPatience = 60_000

/**
 * One subscribe() of one whole pipeline, with all the resubscriptions that `retry` and `repeat` make inside it.
 *
 * Errors and completions that travel down the pipeline pass through here before they go on, so that the teardown they
 * cause is told apart from an unsubscribe: an error fails the message in hand, and in both cases the unnamed
 * subscription is kept for the resubscription that may follow, with the rest of what it is owed.
 */
export class Run implements Ending {
  readonly #source: TopicSource
  #cause: 'error' | 'complete' | 'unsubscribe' = 'unsubscribe'
  #depth = 0
  #outermost: Subscriber<never> | undefined
  #attachments = 0
  #isOver = false
  #endWasSeen = false
  #closed = false
  #attached: Membership | undefined
  #kept: Membership | undefined
  #patience: ReturnType<typeof setTimeout> | undefined

  constructor(source: TopicSource) {
    this.#source = source
  }

  /** From now on what the pipeline sends to this subscriber passes through here. */
  watch<V>(subscriber: Subscriber<V>): Subscriber<V> {
    const error = subscriber.error.bind(subscriber)
    const complete = subscriber.complete.bind(subscriber)
    subscriber.error = (thrown: unknown) => {
      if (!subscriber.closed) this.#fail(thrown)
      this.#passOn('error', () => error(thrown))
    }
    subscriber.complete = () => this.#passOn('complete', complete)
    this.#outermost ??= subscriber
    return subscriber
  }

  get cameBack(): boolean {
    return this.#attachments > 1
  }

  attach(subscriber: Subscriber<Message>, consumerOf: (subscriber: Subscriber<Message>) => Consumer): void {
    this.#attachments += 1
    if (this.#isOver) {
      this.end(subscriber)
      return
    }
    const consumer = consumerOf(subscriber)
    const kept = this.#takeKept() ?? this.#source.stray?.()
    if (kept !== undefined) {
      this.#bind(kept, subscriber)
      kept.resume(consumer)
      return
    }
    const membership = this.#source.broker.consume(this.#source.request, consumer)
    this.#bind(membership, subscriber)
  }

  /**
   * The van ended it. The pipeline sees that as a completion, and once only: what comes back all the same (`repeat()`)
   * would come back for ever, and ends as a whole.
   */
  end(subscriber: Subscriber<Message>): void {
    this.#isOver = true
    if (subscriber.closed) return
    if (this.#endWasSeen) this.#outermost?.complete()
    else {
      this.#endWasSeen = true
      subscriber.complete()
    }
  }

  /** A throw in the last `next` of the pipeline. */
  threw(error: unknown): void {
    const message = messageInHand()
    const mine = message !== undefined && this.#source.owns(message)
    if (mine) Message.settlerOf(message).fail(message, error)
    this.#source.report(error, mine ? message.topic : undefined)
  }

  /** The whole pipeline is gone: nobody comes back for what was kept. */
  close(): void {
    this.#closed = true
    // A subscription is dropped where it stands; while an error or completion is still on its way, at the end of that.
    if (this.#depth === 0) this.#takeKept()?.leave('unsubscribe')
  }

  #bind(membership: Membership, subscriber: Subscriber<Message>): void {
    this.#source.own(membership)
    this.#attached = membership
    subscriber.add(() => this.#detach(membership))
  }

  #detach(membership: Membership): void {
    if (this.#attached === membership) this.#attached = undefined
    const cause = this.#depth > 0 ? this.#cause : 'unsubscribe'
    if (cause === 'unsubscribe' || this.#source.isNamed || this.#kept !== undefined) {
      membership.leave(cause)
      return
    }
    membership.suspend(cause)
    this.#kept = membership
    // Under share() the run that connected may be over while its connection lives on for others: one of them takes over.
    if (this.#closed) this.#source.stray = () => this.#takeKept()
  }

  #takeKept(): Membership | undefined {
    const kept = this.#kept
    this.#kept = undefined
    clearTimeout(this.#patience)
    return kept
  }

  #fail(thrown: unknown): void {
    // With nothing in hand the error is late (manual settlement): a single open delivery caused it; of several nobody can tell.
    const message = messageInHand() ?? this.#attached?.sole
    // First in line again at once: whoever resubscribes decides how long to wait.
    if (message !== undefined && this.#source.owns(message))
      Message.settlerOf(message).fail(message, thrown, { delay: 0 })
  }

  #passOn(cause: 'error' | 'complete', pass: () => void): void {
    const before = this.#cause
    this.#cause = cause
    this.#depth += 1
    try {
      pass()
    } finally {
      this.#cause = before
      this.#depth -= 1
      if (this.#depth === 0) this.#settleKept(cause)
    }
  }

  /** Nobody resubscribed within the call. After an error a delayed `retry` still may; after a completion nobody is waited for. */
  #settleKept(cause: 'error' | 'complete'): void {
    this.#source.stray = undefined
    if (this.#kept === undefined) return
    if (cause === 'complete' || this.#closed) {
      this.#takeKept()?.leave(cause)
      return
    }
    clearTimeout(this.#patience)
    this.#patience = setTimeout(() => this.#takeKept()?.leave('error'), retryPatience)
    if (typeof this.#patience === 'object') this.#patience.unref()
  }
}
