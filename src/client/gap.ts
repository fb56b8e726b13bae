import { GapError } from '../errors.js'
import { describePattern } from '../message/pattern.js'

const MOST_NAMED = 10

/** The host does not know this bus any more. @param unnamed what it subscribes to without a name */
export function gapError(unnamed: readonly (RegExp | string)[]): GapError {
  const patterns = unnamed.map(describePattern)
  const missed =
    patterns.length === 0
      ? 'Its subscriptions all have names, and miss nothing that the host still has.'
      : `Subscriptions without a name may have missed messages meanwhile: ${patterns.slice(0, MOST_NAMED).join(', ')}${patterns.length > MOST_NAMED ? ', …' : ''}. Give a subscription a name if it must miss none.`
  return new GapError(
    `The host does not know this bus any more: it was away for too long, or the host is a new one. ${missed}`,
    patterns,
  )
}
