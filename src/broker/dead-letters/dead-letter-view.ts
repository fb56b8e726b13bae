import { Observable } from 'rxjs/internal/Observable'
import { map } from 'rxjs/internal/operators/map'
import {
  checkFilter,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterListOptions,
  type DeadLetters,
} from '../../bus/contract/dead-letters.js'
import { guardEnd } from '../../bus/topic/guarding.js'
import type { MsgvanError } from '../../errors.js'
import type { Envelope } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { readBody } from '../../message/envelope-body.js'
import type { DeadLetterQueue } from './dead-letter-queue.js'
import type { StoredDeadLetter } from './stored-dead-letter.js'

/** The part of the broker that a view uses. */
export interface DeadLetterViewOwner {
  /** @throws ClosedError */
  check(): void
  report(error: MsgvanError): void
  /** Returns false when its subscription is gone. */
  redrive(stored: StoredDeadLetter): boolean
}

/** Picks letters without a look at their payloads. */
export type IsMeant = (letter: StoredDeadLetter['letter']) => boolean

const all = (): boolean => true

/** An app's view of the dead letters. It reads payloads, which the queue itself never does. */
export class DeadLetterView extends Observable<DeadLetter> implements DeadLetters {
  readonly #queue: DeadLetterQueue
  readonly #owner: DeadLetterViewOwner

  constructor(queue: DeadLetterQueue, owner: DeadLetterViewOwner) {
    super(subscriber => {
      guardEnd(subscriber, 'deadLetters()', error => owner.report(error))
      return queue.new$.pipe(map(withPayload)).subscribe(subscriber)
    })
    this.#queue = queue
    this.#owner = owner
  }

  list(filter?: DeadLetterFilter, options?: DeadLetterListOptions): Promise<DeadLetter[]> {
    return this.#call(() => {
      checkFilter(filter, options)
      return this.#queue.list(filter).map(readerOf(options))
    })
  }

  async *pages(filter: DeadLetterFilter = {}, options?: DeadLetterListOptions): AsyncIterable<DeadLetter[]> {
    checkFilter(filter, options)
    let after: number | undefined = 0
    do {
      const from: number = after
      const { letters, next } = await this.#call(() =>
        this.#queue.page(filter, from, options?.payloads !== false),
      )
      if (letters.length > 0) yield letters.map(readerOf(options))
      after = next
    } while (after !== undefined)
  }

  replay(filter?: DeadLetterFilter): Promise<number> {
    return this.#call(() => {
      checkFilter(filter)
      return this.replayThose(filter, all)
    })
  }

  purge(filter?: DeadLetterFilter): Promise<number> {
    return this.#call(() => {
      checkFilter(filter)
      return this.purgeThose(filter, all)
    })
  }

  /** @param isMeant whether a letter is among them, for the rights of a caller. @returns the number of letters */
  replayThose(filter: DeadLetterFilter | undefined, isMeant: IsMeant): number {
    const meant = this.#queue.list(filter).filter(({ letter }) => isMeant(letter))
    return this.#removeAll(meant.filter(stored => this.#owner.redrive(stored)))
  }

  /** See `replayThose`. */
  purgeThose(filter: DeadLetterFilter | undefined, isMeant: IsMeant): number {
    return this.#removeAll(this.#queue.list(filter).filter(({ letter }) => isMeant(letter)))
  }

  #removeAll(gone: readonly StoredDeadLetter[]): number {
    for (const stored of gone) this.#queue.remove(stored)
    return gone.length
  }

  #call<R>(run: () => R): Promise<R> {
    return new Promise(resolve => {
      this.#owner.check()
      resolve(run())
    })
  }
}

function readerOf(options: DeadLetterListOptions | undefined): (stored: StoredDeadLetter) => DeadLetter {
  return options?.payloads === false ? ({ letter }) => ({ ...letter, payload: undefined }) : withPayload
}

function withPayload({ envelope, letter }: StoredDeadLetter): DeadLetter {
  return { ...letter, payload: readBody(envelope) }
}

/** Inside one process a letter needs no wrapping. */
export function unwrappedLetter(letter: Omit<DeadLetter, 'payload'>, envelope: Envelope) {
  return { body: withPayload({ envelope, letter }), size: 0, encoding: Encoding.Value }
}
