import { InvalidOptionError } from '../../errors.js'
import { came } from '../check-option.js'
import type { Headers } from '../envelope.js'
import { isUtf8 } from '../well-formed.js'

/** The header with the key of a message: CloudEvents' name for it. So the key is wherever the headers are. */
export const KEY_HEADER = 'partitionkey'

export const MAX_KEY_BYTES = 1024
/** A UTF-16 unit takes at most three bytes. */
const SURELY_FITS = Math.floor(MAX_KEY_BYTES / 3)

/** The key of a message with these headers. An empty one is none. */
export function keyIn(headers: Headers): string | undefined {
  const key = headers[KEY_HEADER]
  return key === '' ? undefined : key
}

/**
 * The headers of a message with this key.
 *
 * @throws InvalidOptionError
 */
export function withKey(headers: Headers | undefined, key: unknown): Headers {
  checkKey(key)
  if (headers === undefined) return { [KEY_HEADER]: key }
  const given = headers[KEY_HEADER]
  if (given !== undefined && given !== key)
    throw new InvalidOptionError(
      `The key ${JSON.stringify(key)} is the header ${KEY_HEADER}, and the headers have another one: ${JSON.stringify(given)}. Give one of them.`,
    )
  return { ...headers, [KEY_HEADER]: key }
}

/** @throws InvalidOptionError */
export function checkKey(key: unknown): asserts key is string {
  // Most keys need no count.
  if (typeof key === 'string' && key.length > 0 && key.length <= SURELY_FITS && isUtf8(key)) return
  checkUnusual(key)
}

function checkUnusual(key: unknown): void {
  if (typeof key !== 'string')
    throw new InvalidOptionError(`A key is a non-empty string; this is ${came(key)}.`)
  if (key.length === 0)
    throw new InvalidOptionError('A key is a non-empty string; this one is empty. Leave it out for no key.')
  if (!isUtf8(key))
    throw new InvalidOptionError(
      `The key ${JSON.stringify(key.slice(0, 40))} has half a surrogate pair, which UTF-8 cannot carry. Give whole characters.`,
    )
  if (key.length > MAX_KEY_BYTES || new TextEncoder().encode(key).length > MAX_KEY_BYTES)
    throw new InvalidOptionError(
      `A key takes at most ${MAX_KEY_BYTES} UTF-8 bytes; this one takes more (it begins ${JSON.stringify(key.slice(0, 40))}). Give a hash of it.`,
    )
}
