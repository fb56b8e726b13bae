import { Observable } from 'rxjs/internal/Observable'
import { Subject } from 'rxjs/internal/Subject'
import type { DeadLetter, DeadLetterFilter } from '../bus/dead-letters.js'
import { describe } from '../errors.js'
import type { Envelope } from '../message/envelope.js'
import type { Item } from './item.js'
import type { Keeper } from './keeper.js'

/** The newest are kept, per van: enough to look into and replay, bounded whatever happens. */
const MAX_KEPT = 10_000

export interface Buried {
  readonly envelope: Envelope
  readonly letter: Omit<DeadLetter, 'payload'>
}

/** Keeps what subscriptions gave up on. Knows nothing of payloads: those stay with the envelope. */
export class DeadLetterBox {
  readonly #kept = new Set<Buried>()
  readonly #keeper: Keeper | undefined
  readonly #new = new Subject<Buried>()
  readonly new$: Observable<Buried> = this.#new.asObservable()

  constructor(keeper?: Keeper) {
    this.#keeper = keeper
  }

  get size(): number {
    return this.#kept.size
  }

  /** A dead letter as it is kept, for `keep`. */
  write(
    subscription: string,
    { envelope, failures, firstFailedAt }: Item,
    error: unknown,
    now: number,
  ): Buried {
    const { id, topic, headers } = envelope
    const letter = {
      id,
      topic,
      headers,
      subscription,
      attempts: failures,
      error: describe(error),
      firstAt: firstFailedAt === 0 ? now : firstFailedAt,
      lastAt: now,
    }
    return { envelope: envelope.apart, letter }
  }

  /** @returns what had to go to make room, if anything */
  keep(buried: Buried): Buried | undefined {
    this.#kept.add(buried)
    this.#keeper?.letterKept(buried)
    let pushedOut: Buried | undefined
    if (this.#kept.size > MAX_KEPT) {
      ;[pushedOut] = this.#kept
      if (pushedOut !== undefined) this.remove(pushedOut)
    }
    this.#new.next(buried)
    return pushedOut
  }

  restore(letters: Iterable<Buried>): void {
    for (const buried of letters) this.#kept.add(buried)
  }

  list(filter: DeadLetterFilter = {}): Buried[] {
    return [...this.#kept].filter(
      ({ letter }) =>
        (filter.subscription === undefined || filter.subscription === letter.subscription) &&
        (filter.id === undefined || filter.id === letter.id),
    )
  }

  remove(buried: Buried): void {
    this.#kept.delete(buried)
    this.#keeper?.letterGone(buried)
  }

  close(): void {
    this.#new.complete()
  }
}
