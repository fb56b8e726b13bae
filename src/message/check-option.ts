import { InvalidOptionError } from '../errors.js'

/** @throws InvalidOptionError if it is no object, or has an option that is none: a slip of the pen must not pass for a default */
export function knownOptions(where: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new InvalidOptionError(`${where} takes its options as an object; this is ${shown(options)}.`)
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new InvalidOptionError(
        `${where} has no option ${JSON.stringify(key)}. It has: ${known.join(', ')}.`,
      )
  }
}

/** @throws InvalidOptionError */
export function oneOf(option: string, value: unknown, allowed: readonly unknown[]): void {
  if (!allowed.includes(value)) {
    const list = allowed.map(each => JSON.stringify(each)).join(', ')
    throw new InvalidOptionError(`${option} is one of ${list}; this is ${shown(value)}.`)
  }
}

/**
 * A number from `least` on. What is over `most` stands for it, `Infinity` included.
 *
 * @throws InvalidOptionError
 */
export function atLeast(option: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number' || !(value >= least) || (value > most && value !== Infinity))
    throw new InvalidOptionError(`${option} is a number from ${least} up; this is ${shown(value)}.`)
  return Math.min(value, most)
}

/** As `atLeast`, of whole numbers. @throws InvalidOptionError */
export function whole(option: string, value: unknown, least: number, most: number): number {
  const number = atLeast(option, value, least, most)
  if (!Number.isInteger(number))
    throw new InvalidOptionError(`${option} is a whole number from ${least} up; this is ${shown(value)}.`)
  return number
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
