import type { MissingStatus } from '../../bus/status.js'
import { StoreDamagedError } from '../../errors.js'

const MOST_NAMED = 10

/** Told to every client of the van: what its host was to keep and does not have any more. */
export function missingError(van: string, missing: readonly MissingStatus[]): StoreDamagedError {
  const named = missing.slice(0, MOST_NAMED).map(({ text }) => text)
  const more = missing.length > MOST_NAMED ? `, and ${missing.length - MOST_NAMED} more` : ''
  return new StoreDamagedError(
    `The store of van ${van} was damaged. Missing: ${named.join('; ')}${more}. All else is there. What was set aside is in the store's folder; status() has the whole list.`,
  )
}
