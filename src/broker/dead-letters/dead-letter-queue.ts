import { LetterMemory, type LetterHolder } from './letter-memory.js'
import type { StoredDeadLetter } from './stored-dead-letter.js'
import { Observable } from 'rxjs/internal/Observable'
import { Subject } from 'rxjs/internal/Subject'
import { PAGE_BYTES, PAGE_LETTERS, type DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import { describe } from '../../errors.js'
import type { Item } from '../subscription/backlog/item.js'
import type { DurableLog } from '../durable/durable-log.js'

/** Each van keeps this number of the newest: enough to look into and replay, and always bounded. */
const MAX_KEPT = 10_000
const MAX_KEPT_BYTES = 256 * 1024 * 1024
/** A letter takes about this much beside its payload and its texts. */
const LETTER_BYTES = 512

export interface DeadLetterQueueOptions {
  readonly durableLog?: DurableLog | undefined
  /** Of all queues of a host. Default: without a limit. */
  readonly letterMemory?: LetterMemory | undefined
  /** A letter went to make room for another one. */
  readonly dropped: () => void
}

/** One page of a list. */
export interface LetterPage {
  readonly letters: readonly StoredDeadLetter[]
  /** The start of the next page; undefined after the last. */
  readonly next: number | undefined
}

/** Keeps the messages that subscriptions gave up on. It does not read payloads: they stay in the envelope. */
export class DeadLetterQueue implements LetterHolder {
  /** Each with its place, which only grows. */
  readonly #kept = new Map<StoredDeadLetter, number>()
  #lastPlace = 0
  #bytes = 0
  readonly #durableLog: DurableLog | undefined
  readonly #memory: LetterMemory
  /** A letter went to make room. */
  readonly #dropped: () => void
  readonly #new = new Subject<StoredDeadLetter>()
  readonly new$: Observable<StoredDeadLetter> = this.#new.asObservable()

  constructor({ durableLog, letterMemory, dropped }: DeadLetterQueueOptions) {
    this.#durableLog = durableLog
    this.#memory = letterMemory ?? new LetterMemory(Infinity)
    this.#dropped = dropped
    this.#memory.join(this)
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#kept.size
  }

  /** Makes a dead letter for `keep`. */
  write(
    subscription: string,
    { envelope, failures, firstFailedAt }: Item,
    error: unknown,
    now: number,
  ): StoredDeadLetter {
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

  keep(stored: StoredDeadLetter): void {
    this.#add(stored)
    this.#durableLog?.letterKept(stored)
    while (this.#kept.size > MAX_KEPT || (this.#bytes > MAX_KEPT_BYTES && this.#kept.size > 1))
      this.dropOldest()
    this.#memory.makeRoom()
    this.#new.next(stored)
  }

  dropOldest(): void {
    for (const [oldest] of this.#kept) {
      this.remove(oldest)
      this.#dropped()
      return
    }
  }

  restore(letters: Iterable<StoredDeadLetter>): void {
    for (const stored of letters) this.#add(stored)
    this.#memory.makeRoom()
  }

  /** Takes in letters that another process kept. */
  takeIn(letters: Iterable<StoredDeadLetter>): void {
    for (const stored of letters) {
      this.#add(stored)
      this.#durableLog?.letterKept(stored)
    }
    this.#memory.makeRoom()
  }

  #add(stored: StoredDeadLetter): void {
    this.#kept.set(stored, ++this.#lastPlace)
    this.#count(bytesOf(stored))
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#memory.used(bytes)
  }

  list(filter: DeadLetterFilter = {}): StoredDeadLetter[] {
    return [...this.#kept.keys()].filter(stored => matches(filter, stored))
  }

  /**
   * @param after the end of the page before; 0 for the first one
   */
  page(filter: DeadLetterFilter, after: number, withPayloads: boolean): LetterPage {
    const letters: StoredDeadLetter[] = []
    let bytes = 0
    let last = after
    for (const [stored, place] of this.#kept) {
      if (place <= after || !matches(filter, stored)) continue
      const size = withPayloads ? bytesOf(stored) : bytesOf(stored) - stored.envelope.size
      if (letters.length > 0 && (letters.length >= PAGE_LETTERS || bytes + size > PAGE_BYTES))
        return { letters, next: last }
      letters.push(stored)
      bytes += size
      last = place
    }
    return { letters, next: undefined }
  }

  remove(stored: StoredDeadLetter): void {
    if (this.#kept.delete(stored)) this.#count(-bytesOf(stored))
    this.#durableLog?.letterGone(stored)
  }

  close(): void {
    this.#new.complete()
    this.#memory.leave(this)
  }
}

function matches({ subscription, id }: DeadLetterFilter, { letter }: StoredDeadLetter): boolean {
  return (
    (subscription === undefined || subscription === letter.subscription) &&
    (id === undefined || id === letter.id)
  )
}

function bytesOf({ envelope, letter }: StoredDeadLetter): number {
  let headers = 0
  for (const key in letter.headers) headers += key.length + (letter.headers[key]?.length ?? 0)
  return LETTER_BYTES + envelope.size + headers + letter.topic.length + letter.error.length
}
