import type { Observable } from 'rxjs'
import type { Headers } from '../../message/envelope.js'

/** An actor as a plain value: what becomes of an ActorRef inside a payload. `bus.actors.ref(address)` makes a ref of it again. */
export interface ActorAddress {
  readonly id: string
  readonly name?: string
}

export interface AskOptions {
  /** Milliseconds until the first answer, and between answers; Infinity: for ever. Default 30,000. */
  timeout?: number
  headers?: Headers
}

/** How a bus reaches actors. */
export interface ActorMail {
  tell(id: string, payload: unknown, options: { headers?: Headers }): Promise<void>
  ask(id: string, payload: unknown, options: AskOptions): Observable<unknown>
  stop(id: string): Promise<boolean>
}

/**
 * An actor, wherever it runs. It may be part of any payload: it arrives there as its address, and is a ref again by
 * `bus.actors.ref(address)`. Actors' own `context.tell` and `context.ask` take the address as it is.
 */
export class ActorRef implements ActorAddress {
  readonly #mail: ActorMail
  /** Unique, and never used again. */
  readonly id: string
  declare readonly name?: string

  /** Made by msgvan. */
  constructor({ id, name }: ActorAddress, mail: ActorMail) {
    this.#mail = mail
    this.id = id
    if (name !== undefined) this.name = name
  }

  /**
   * Resolves when the van has taken the message over: it waits in the actor's mailbox, in order. If the actor is stopped
   * it becomes a dead letter.
   *
   * As with `publish`, you need not look at the promise.
   *
   * @throws (as a rejection) InvalidPayloadError, PayloadTooLargeError, InvalidOptionError, OutboxFullError, ClosedError
   */
  tell(payload?: unknown, options: { headers?: Headers } = {}): Promise<void> {
    return this.#mail.tell(this.id, payload, options)
  }

  /**
   * The actor's answers to one message: what its `receive` returns. Each `subscribe()` asks once; unsubscribing ends what
   * the actor is doing for it once the first answer has come.
   *
   * Errors with ActorError (it threw at every attempt), ActorStoppedError, TimeoutError.
   *
   * @example
   * const sum = await firstValueFrom(adder.ask<number>([1, 2]))
   */
  ask<A = unknown>(payload?: unknown, options: AskOptions = {}): Observable<A> {
    return this.#mail.ask(this.id, payload, options) as Observable<A>
  }

  /** Lets it finish what it has in hand, then stops it and its children. False when there was none. */
  stop(): Promise<boolean> {
    return this.#mail.stop(this.id)
  }
}
