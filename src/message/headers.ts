import { describe, InvalidPayloadError, MsgvanError } from '../errors.js'
import type { Headers } from './envelope.js'
import { came, isRecord } from './check-option.js'
import { isUtf8 } from './well-formed.js'

export const MAX_HEADER_BYTES = 16 * 1024

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
