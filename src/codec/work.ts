import { InvalidOptionError, InvalidPayloadError } from '../errors.js'
import { collide } from './collisions.js'

// Few bytes can ask for much memory and time: an array of a thousand holes is four bytes. A value may need work in
// proportion to its size. A publish is refused if a subscriber would not decode it. One unit is about
// a word of memory.

/** Every payload may need this much, which is 8 MiB: thousands of small Sets and views are honest. */
const BASE = 1_048_576
const PER_BYTE = 4

/** The work that a value of this number of bytes may need. */
export function workAllowed(bytes: number): number {
  return BASE + PER_BYTE * bytes
}

/** A payload that needs less is never refused. */
export const ALWAYS_ALLOWED = BASE

/** The work of building an object of each kind, without its contents. */
export const Work = {
  Object: 8,
  Array: 6,
  Map: 32,
  Set: 24,
  View: 40,
  Bytes: 24,
  Date: 6,
  RegExp: 64,
  Error: 64,
  Boxed: 4,
} as const

/** A longer number has no use as one value, and hangs a process that prints it. */
export const MAX_BIGINT_BYTES = 65_536

/** Characters of a regular expression's source. */
export const MAX_REGEXP_SOURCE = 8_192

/** Larger maps and sets are searched for keys that collide in the engine's table. */
export const MANY_KEYS = 256

const overWorked = new WeakSet<Error>()

/**
 * @returns the error for a value that would cost its readers too much
 */
export function tooMuchWork(what: string): InvalidPayloadError {
  const error = new InvalidPayloadError(
    `The payload ${what}. Its readers would need more time or memory for it than they take. Publish it in another form, for example as a Buffer.`,
  )
  overWorked.add(error)
  return error
}

export function isTooMuchWork(error: unknown): error is InvalidPayloadError {
  return error instanceof InvalidPayloadError && overWorked.has(error)
}

/** The reason why a set of such keys cannot be read, if there is one. */
export function keysAtFault(keys: readonly unknown[]): string | undefined {
  return keys.length > MANY_KEYS && collide(keys)
    ? 'holds a Map or a Set with too many numbers of equal hash'
    : undefined
}

/** @returns the error for a value that is not an app's own, and holds what only those may hold */
export function notPlain(): InvalidOptionError {
  return new InvalidOptionError(
    'The arguments of a call hold a Map, a Set or a BigInt of over 64 bits. Give objects, lists and numbers.',
  )
}

export const overBudget = 'needs more objects or holes than its size allows'
export const longBigInt = `holds a BigInt of more than ${MAX_BIGINT_BYTES} bytes`
export const longRegExp = `holds a regular expression of more than ${MAX_REGEXP_SOURCE} characters`
