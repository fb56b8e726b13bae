import { InvalidOptionError } from '../errors.js'
import { isUtf8 } from './well-formed.js'

/**
 * @throws InvalidOptionError if it is not a plain object, has an unknown option, or one that is null: neither may count as a
 * default
 *
 * @param nullable the options of which null is a value
 */
export function knownOptions(
  where: string,
  options: unknown,
  known: readonly string[],
  nullable: readonly string[] = [],
): void {
  if (!isRecord(options))
    throw new InvalidOptionError(`${where} takes its options as an object; this is ${came(options)}.`)
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key))
      throw new InvalidOptionError(
        `${where} has no option ${JSON.stringify(key)}. It has: ${known.join(', ')}.`,
      )
    if (value === null && !nullable.includes(key))
      throw new InvalidOptionError(`${where}: ${key} is null. Leave it out, or undefined, for its default.`)
  }
}

/**
 * Whether it is an object of properties: a plain one, or an instance of an app's own class that has some. A promise, a
 * RegExp, a Date or a Map has none: it would count as no options at all, and a filter without any means everything.
 */
export function isRecord(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  // Of another realm.
  if (Object.getPrototypeOf(prototype) === null) return true
  if (Object.prototype.toString.call(value) !== '[object Object]' || isPromise(value)) return false
  return Object.keys(value).length > 0
}

/** Names the value that came in place of a plain object, for an error. */
export function came(value: unknown): string {
  if (isPromise(value)) return 'a promise: await it first'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return shown(value)
  const { constructor } = value
  return `${shown(value)}, of the class ${typeof constructor === 'function' ? constructor.name : 'unknown'}`
}

/** @throws InvalidOptionError */
export function oneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) {
    const list = allowed.map(each => JSON.stringify(each)).join(', ')
    throw new InvalidOptionError(`${option} is one of ${list}; this is ${shown(value)}.`)
  }
}

/**
 * A number from `least` on. A number over `most` counts as `most`, `Infinity` included.
 *
 * @throws InvalidOptionError
 */
export function atLeast(option: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least) || (value > most && value !== Infinity))
    throw new InvalidOptionError(`${option} is a number from ${least} up; this is ${shown(value)}.`)
  return Math.min(value, most)
}

/**
 * Like `atLeast`, for whole numbers.
 *
 * @throws InvalidOptionError
 */
export function whole(option: string, value: unknown, least: number, most: number): number {
  const number = atLeast(option, value, least, most)
  if (!Number.isInteger(number))
    throw new InvalidOptionError(`${option} is a whole number from ${least} up; this is ${shown(value)}.`)
  return number
}

/** Of whichever realm. @throws InvalidOptionError */
export function checkSignal(where: string, signal: unknown): void {
  if (signal === undefined) return
  const { aborted, addEventListener }: Partial<AbortSignal> = Object(signal) as object
  if (typeof aborted !== 'boolean' || typeof addEventListener !== 'function')
    throw new InvalidOptionError(`${where}: signal is an AbortSignal; this is ${came(signal)}.`)
}

/** Checks the names that an app gives as the keys of `option`. @throws InvalidOptionError */
export function wholeNames(option: string, names: object): void {
  const half = Object.keys(names).find(name => !isUtf8(name))
  if (half !== undefined)
    throw new InvalidOptionError(
      `${option}: the name ${JSON.stringify(half)} has half a surrogate pair, which UTF-8 cannot carry. Give whole characters.`,
    )
}

/** Whether it is a promise, of whichever kind. */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/**
 * For the result of an app's function that must not be a promise, but may be one: its rejection would end the process.
 */
export function ignoreRejection(result: unknown): void {
  try {
    if (isPromise(result)) result.then(undefined, () => undefined)
  } catch {
    // An object whose `then` throws is not a promise.
  }
}

/** What is given as an address, for an error: without a user, a password and parameters, in which a token may be. */
export function shownAddress(value: unknown): string {
  if (typeof value !== 'string') return shown(value)
  return shown(
    value
      .replace(/^(\s*[a-z][a-z\d+.-]*:\/\/)?.*@/is, '$1…@')
      .replace(/[?#].+/s, sign => `${sign.slice(0, 1)}…`),
  )
}

/** A value as text, for an error. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.slice(0, 10).map(shown).join(', ')}]`
  if (typeof value === 'string') return JSON.stringify(value)
  try {
    return String(value)
  } catch {
    // It has no prototype, or one whose `toString` throws.
    return 'an object'
  }
}
