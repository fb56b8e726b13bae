import type { Observable } from 'rxjs'
import { InvalidOptionError } from '../../errors.js'
import { knownOptions, oneOf, shown } from '../../message/check-option.js'
import { isUtf8 } from '../../message/well-formed.js'
import type { Headers } from '../../message/envelope.js'

/** A page of a list ends at this number of letters, or of bytes. */
export const PAGE_LETTERS = 1_000
export const PAGE_BYTES = 4 * 1024 * 1024

/** A message that a subscription gave up on, kept with the reason. Also the payload of `$dead/<subscription>`. */
export interface DeadLetter {
  /** The message's id. */
  id: string
  topic: string
  /** The published payload, or the UnreadablePayloadError if it cannot be read. */
  payload: unknown
  headers: Headers
  /** The subscription's name, or its id if it has none. */
  subscription: string
  /** The number of tries. */
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
  /** Default true. With false `payload` is undefined, so a long list takes little memory. */
  payloads?: boolean
}

/**
 * @throws InvalidOptionError: with an ignored typo in the filter, a purge would remove everything
 */
export function checkFilter(filter: unknown, options?: unknown): void {
  if (filter !== undefined) knownOptions('A filter of dead letters', filter, ['subscription', 'id'])
  for (const [key, value] of Object.entries(filter ?? {}))
    if (value !== undefined && !(typeof value === 'string' && isUtf8(value)))
      throw new InvalidOptionError(
        `A filter of dead letters: ${key} is a text without half a surrogate pair; this is ${shown(value)}.`,
      )
  if (options === undefined) return
  knownOptions('A list of dead letters', options, ['payloads'])
  oneOf('payloads', (options as DeadLetterListOptions).payloads ?? true, [true, false])
}

/** New dead letters as an Observable; the kept ones to list, replay and purge. */
export interface DeadLetters extends Observable<DeadLetter> {
  /** All of them in one list, the oldest of each host first. Payloads may take much memory: see `pages`. */
  list(filter?: DeadLetterFilter, options?: DeadLetterListOptions): Promise<DeadLetter[]>
  /**
   * The same list in pages of at most 1,000 letters, or 4 MiB. It leaves out letters that are replayed or purged
   * meanwhile, and may include letters that are kept meanwhile.
   *
   * @example
   * for await (const page of bus.deadLetters().pages({ subscription: 'billing' }))
   *   for (const letter of page) console.log(letter.topic, letter.error)
   */
  pages(filter?: DeadLetterFilter, options?: DeadLetterListOptions): AsyncIterable<DeadLetter[]>
  /**
   * Sends each once more to the subscription that it came from, with a fresh count. Resolves with their number.
   *
   * @throws HostUnreachableError if a host that may have letters cannot be reached (the text has the number of the
   *   others), or if the connection was lost and the number is unknown
   */
  replay(filter?: DeadLetterFilter): Promise<number>
  /**
   * Throws them away. Resolves with their number.
   *
   * @throws HostUnreachableError as `replay`
   */
  purge(filter?: DeadLetterFilter): Promise<number>
}
