import { InvalidPatternError } from '../../errors.js'
import { shown } from '../check-option.js'
import { isUtf8 } from '../well-formed.js'

/** A host takes no longer pattern. */
const MAX_SOURCE_BYTES = 512

const utf8 = new TextEncoder()

/**
 * The levels of a wildcard pattern.
 *
 * @throws InvalidPatternError
 */
export function levelsOf(helper: string, text: unknown, separator: string): [string, ...string[]] {
  const example = `${helper}('orders${separator}created')`
  if (typeof text !== 'string')
    throw new InvalidPatternError(`${helper}() takes a string: ${example}. This is ${shown(text)}.`)
  if (text === '') throw new InvalidPatternError(`${helper}() takes a non-empty string: ${example}.`)
  if (!isUtf8(text))
    throw new InvalidPatternError(
      `${helper}(): the text has half a surrogate pair, which no topic has. Give whole characters.`,
    )
  return text.split(separator) as [string, ...string[]]
}

/** The source of a RegExp that stands for exactly this text. */
export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

/**
 * The RegExp of whole topics.
 *
 * @throws InvalidPatternError if a host would refuse it
 */
export function anchored(helper: string, source: string): RegExp {
  // `s`: a topic may have line ends.
  const pattern = new RegExp(`^${source}$`, 's')
  const { length } = utf8.encode(pattern.source)
  if (length > MAX_SOURCE_BYTES)
    throw new InvalidPatternError(
      `${helper}() makes a regular expression of ${length} bytes of this, and hosts take at most ${MAX_SOURCE_BYTES}. Shorten it.`,
    )
  return pattern
}

/** An error about one level. */
export function wrongLevel(helper: string, text: string, why: string): InvalidPatternError {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return new InvalidPatternError(`${helper}(${JSON.stringify(short)}): ${why}`)
}
