import { describe, InvalidOptionError, InvalidPayloadError, MsgvanError } from '../errors.js'
import type { Headers } from './envelope.js'
import { came, isRecord, knownOptions, shown } from './check-option.js'
import { isUtf8 } from './well-formed.js'

export const MAX_HEADER_BYTES = 16 * 1024

const MOST_MATCHED = 16
const MOST_MATCHED_BYTES = 2 * 1024

const WANTED = 'headers is an object of string values, such as { trace: "7f" }.'

/**
 * Headers are text keys and values, of at most 16 KiB in all.
 *
 * @throws InvalidPayloadError
 */
export function checkHeaders(headers: unknown): asserts headers is Headers {
  try {
    check(headers)
  } catch (error) {
    if (error instanceof MsgvanError) throw error
    // An app's getter threw, or a proxy was revoked.
    throw new InvalidPayloadError(`The headers cannot be read: ${describe(error)}. ${WANTED}`, {
      cause: error,
    })
  }
}

function check(headers: unknown): void {
  // A Map, a URLSearchParams or fetch's Headers: their entries are not properties.
  if (
    typeof headers === 'object' &&
    headers !== null &&
    !Array.isArray(headers) &&
    Symbol.iterator in headers
  ) {
    const kind = Object.prototype.toString.call(headers).slice(8, -1)
    throw new InvalidPayloadError(`${WANTED} A ${kind} is different: give Object.fromEntries(headers).`)
  }
  if (!isRecord(headers)) throw new InvalidPayloadError(`${WANTED} This is ${came(headers)}.`)
  let length = 0
  for (const [key, value] of Object.entries(headers)) {
    if (typeof value !== 'string') {
      throw new InvalidPayloadError(
        `Header ${JSON.stringify(key)} is ${typeof value}; headers are strings. Put other values into the payload.`,
      )
    }
    if (!isUtf8(key) || !isUtf8(value)) {
      throw new InvalidPayloadError(
        `Header ${JSON.stringify(key)} has half a surrogate pair, which UTF-8 cannot carry. Give whole characters, or put the text into the payload.`,
      )
    }
    length += key.length + value.length
  }
  // A UTF-16 unit takes at most three bytes in UTF-8.
  if (length * 3 > MAX_HEADER_BYTES && byteLength(headers as Headers) > MAX_HEADER_BYTES) {
    throw new InvalidPayloadError(
      `Headers take at most ${MAX_HEADER_BYTES} bytes. Put the rest into the payload.`,
    )
  }
}

function byteLength(headers: Headers): number {
  const utf8 = new TextEncoder()
  return Object.entries(headers).reduce(
    (sum, [key, value]) => sum + utf8.encode(key).length + utf8.encode(value).length,
    0,
  )
}

/** What a subscription wants beside its pattern. */
export interface HeaderMatch {
  /** Only messages that have each of these headers, with this very value. */
  readonly headers: Headers
}

/**
 * @returns a copy, because a later change of the object has no effect
 * @throws InvalidOptionError
 */
export function checkMatch(match: unknown): HeaderMatch {
  if (!isRecord(match)) throw new InvalidOptionError(wantedMatch(match))
  knownOptions('match', match, ['headers'])
  const { headers }: { headers?: unknown } = match
  if (!isRecord(headers)) throw new InvalidOptionError(wantedMatch(headers))
  const entries = Object.entries(headers)
  if (entries.length === 0)
    throw new InvalidOptionError('match.headers is empty: name a header, or leave match out.')
  if (entries.length > MOST_MATCHED)
    throw new InvalidOptionError(`match takes at most ${MOST_MATCHED} headers; these are ${entries.length}.`)
  for (const [key, value] of entries)
    if (typeof value !== 'string' || !isUtf8(key) || !isUtf8(value))
      throw new InvalidOptionError(
        `match: header ${JSON.stringify(key)} is a text without half a surrogate pair; this is ${shown(value)}.`,
      )
  const copy = Object.fromEntries(entries) as Headers
  if (byteLength(copy) > MOST_MATCHED_BYTES)
    throw new InvalidOptionError(`match takes at most ${MOST_MATCHED_BYTES} bytes of headers.`)
  return { headers: copy }
}

function wantedMatch(value: unknown): string {
  return `match is an object with headers, such as { headers: { tenant: 'a' } }; this is ${shown(value)}.`
}

/** Whether a message with these headers is wanted. */
export function fitsMatch(match: HeaderMatch | undefined, headers: Headers): boolean {
  if (match === undefined) return true
  for (const key in match.headers) if (headers[key] !== match.headers[key]) return false
  return true
}

export function isSameMatch(match: HeaderMatch | undefined, other: HeaderMatch | undefined): boolean {
  if (match === undefined || other === undefined) return match === other
  const count = Object.keys(match.headers).length
  return count === Object.keys(other.headers).length && fitsMatch(match, other.headers)
}
