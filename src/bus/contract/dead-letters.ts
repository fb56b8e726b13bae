import type { Observable } from 'rxjs'
import { InvalidOptionError } from '../../errors.js'
import { knownOptions, oneOf, shown } from '../../message/check-option.js'
import type { Headers } from '../../message/envelope.js'

/** A page of a list is closed at so many letters, or bytes. */
export const PAGE_LETTERS = 1_000
export const PAGE_BYTES = 4 * 1024 * 1024

/** A message that a subscription gave up on, kept with the reason. Also the payload of `$dead/<subscription>`. */
export interface DeadLetter {
  /** The message's id. */
  id: string
  topic: string
  /** As it was published; the UnreadablePayloadError itself where it cannot be read. */
  payload: unknown
  headers: Headers
  /** The subscription's name, or its id if it has none. */
  subscription: string
  /** How often it was tried. */
  attempts: number
  error: string
  /** First and last failure, milliseconds since the epoch. */
  firstAt: number
  lastAt: number
}

export interface DeadLetterFilter {
  /** Only of this subscription: its name, or its id. */
  subscription?: string
  /** Only the message with this id. */
  id?: string
}

export interface DeadLetterListOptions {
  /** Default true. False leaves `payload` undefined: a long list takes little memory. */
  payloads?: boolean
}

/** @throws InvalidOptionError: a filter with a slip of the pen would purge everything */
export function checkFilter(filter: unknown, options?: unknown): void {
  if (filter !== undefined) knownOptions('A filter of dead letters', filter, ['subscription', 'id'])
  for (const [key, value] of Object.entries(filter ?? {}))
    if (value !== undefined && typeof value !== 'string')
      throw new InvalidOptionError(`A filter of dead letters: ${key} is a text; this is ${shown(value)}.`)
  if (options === undefined) return
  knownOptions('A list of dead letters', options, ['payloads'])
  oneOf('payloads', (options as DeadLetterListOptions).payloads ?? true, [true, false])
}

/** New ones as an Observable; those kept, to list, replay and purge. */
export interface DeadLetters extends Observable<DeadLetter> {
  /** All of them in one list, the oldest of each host first. Payloads may take much memory: see `pages`. */
  list(filter?: DeadLetterFilter, options?: DeadLetterListOptions): Promise<DeadLetter[]>
  /**
   * The same list, some letters at a time: at most 1,000 of them, or 4 MiB. What is replayed or purged meanwhile is left
   * out; what is kept meanwhile may be in.
   *
   * @example
   * for await (const page of bus.deadLetters().pages({ subscription: 'billing' }))
   *   for (const letter of page) console.log(letter.topic, letter.error)
   */
  pages(filter?: DeadLetterFilter, options?: DeadLetterListOptions): AsyncIterable<DeadLetter[]>
  /** Each goes once more to the subscription that it came from, with a fresh count. Resolves with how many went. */
  replay(filter?: DeadLetterFilter): Promise<number>
  /** Resolves with how many were thrown away. */
  purge(filter?: DeadLetterFilter): Promise<number>
}
