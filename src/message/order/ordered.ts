import { InvalidOptionError } from '../../errors.js'
import { came, isRecord, shown } from '../check-option.js'
import { isUtf8 } from '../well-formed.js'
import { groupNames } from './group-names.js'

/** The order of a subscription, as an app gives it. */
export type OrderedOption = boolean | 'key' | { readonly header: string } | { readonly group: string }

/** The order of a subscription as one value, which compares and crosses as it is. */
export type Ordered = boolean | 'key' | `header:${string}` | `group:${string}`

const WANTED = 'ordered is true, false, "key", { header: name } or { group: name }'

/** The longest name of a header or a group. */
const MAX_NAME = 200

/** The longest `Ordered`. */
export const MAX_ORDERED = MAX_NAME + 'header:'.length

/**
 * Checks the option of an app.
 *
 * @throws InvalidOptionError
 */
export function orderedOf(option: unknown, pattern: RegExp | string): Ordered {
  if (typeof option === 'boolean' || option === 'key') return option
  if (!isRecord(option)) throw new InvalidOptionError(`${WANTED}; this is ${came(option)}.`)
  const [first, ...more] = Object.entries(option) as [string, unknown][]
  const [by, name] = first ?? []
  if (more.length > 0 || (by !== 'header' && by !== 'group'))
    throw new InvalidOptionError(`${WANTED}; this has ${shown(Object.keys(option))}.`)
  checkName(by, name)
  return by === 'header' ? `header:${name}` : groupOf(name, pattern)
}

/** @throws InvalidOptionError */
export function readOrdered(text: string, pattern: RegExp | string): Ordered {
  if (text === 'key') return text
  const [by, name] = parts(text)
  if (by !== 'header' && by !== 'group') throw new InvalidOptionError(`${WANTED}; this is ${shown(text)}.`)
  return orderedOf({ [by]: name }, pattern)
}

/** The option again. */
export function optionOf(ordered: Ordered): OrderedOption {
  if (typeof ordered === 'boolean' || ordered === 'key') return ordered
  const [by, name] = parts(ordered)
  return by === 'header' ? { header: name } : { group: name }
}

/** `header:x` is header and x. A name may have colons, too. */
export function parts(text: string): [by: string, name: string] {
  const at = text.indexOf(':')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function checkName(by: string, name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > MAX_NAME || !isUtf8(name))
    throw new InvalidOptionError(
      `ordered: the name of the ${by} is a non-empty string of at most ${MAX_NAME} characters, without half a surrogate pair; this is ${came(name)}.`,
    )
}

function groupOf(name: string, pattern: RegExp | string): Ordered {
  const names = groupNames(pattern)
  if (names.includes(name)) return `group:${name}`
  const has =
    typeof pattern === 'string'
      ? 'An exact topic has no groups'
      : names.length === 0
        ? 'The pattern has no named groups'
        : `The pattern has ${names.join(', ')}`
  throw new InvalidOptionError(
    `ordered: there is no group ${JSON.stringify(name)}. ${has}. Write (?<name>…) in a RegExp.`,
  )
}
