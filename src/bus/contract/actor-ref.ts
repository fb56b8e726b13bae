import type { Observable } from 'rxjs'
import type { Headers } from '../../message/envelope.js'

/**
 * An actor as a plain value: an ActorRef inside a payload becomes one. `bus.actors.ref(address)` makes a ref of it
 * again.
 */
export interface ActorAddress {
  readonly id: string
  readonly name?: string
}

export interface AskOptions {
  /** Milliseconds until the first answer, and between answers. Infinity sets no limit. Default 30,000. */
  timeout?: number
  headers?: Headers
  /** When it aborts, the Observable errors with its reason, and the actor's work for it ends as by unsubscribing. */
  signal?: AbortSignal
}

/** How a bus reaches actors. */
export interface ActorMail {
  tell(id: string, payload: unknown, options: { headers?: Headers }): Promise<void>
  ask(id: string, payload: unknown, options: AskOptions): Observable<unknown>
  stop(id: string): Promise<boolean>
}

/**
 * An actor, wherever it runs. It may be part of any payload: it arrives there as its address, and
 * `bus.actors.ref(address)` makes a ref of it again. An actor's own `context.tell` and `context.ask` take the address
 * as it is.
 */
export class ActorRef implements ActorAddress {
  readonly #mail: ActorMail
  /** Unique, and never used again. */
  readonly id: string
  declare readonly name?: string

  /** msgvan makes it. */
  constructor({ id, name }: ActorAddress, mail: ActorMail) {
    this.#mail = mail
    this.id = id
    if (name !== undefined) this.name = name
  }

  /**
   * Resolves when the van has taken the message over: it is in the actor's mailbox, in order. If the actor is stopped,
   * the message becomes a dead letter.
   *
   * As with `publish`, you need not look at the promise.
   *
   * @throws (as a rejection) InvalidPayloadError, PayloadTooLargeError, InvalidOptionError, OutboxFullError,
   * ClosedError
   */
  tell(payload?: unknown, options: { headers?: Headers } = {}): Promise<void> {
    return this.#mail.tell(this.id, payload, options)
  }

  /**
   * The actor's answers to one message: the values that its `receive` returns. Each `subscribe()` asks once.
   * Unsubscribing ends the actor's work for it once the first answer has come.
   *
   * Errors with ActorError (it threw at every attempt), ActorStoppedError, TimeoutError.
   *
   * @example
   * const sum = await firstValueFrom(adder.ask<number>([1, 2]))
   */
  ask<A = unknown>(payload?: unknown, options: AskOptions = {}): Observable<A> {
    return this.#mail.ask(this.id, payload, options) as Observable<A>
  }

  /**
   * Lets the actor finish its message in hand, then stops it and its children. Resolves with false when it does not
   * exist.
   */
  stop(): Promise<boolean> {
    return this.#mail.stop(this.id)
  }
}
