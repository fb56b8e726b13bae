import type { MissingStatus } from '../../bus/contract/status.js'
import { StoreDamagedError } from '../../errors.js'
import type { KeptName } from '../van/kept-names.js'
import type { MissingInVan } from './accounts.js'

const MOST_NAMED = 10

const ALL = 'all that the store held'

/** Nothing of a store is there any more. What its named subscriptions were owed went with it. */
export function missingStore(why: string, names: readonly KeptName[]): MissingInVan[] {
  return [
    { text: `${ALL} (${why.replace(/^\w+Error: /, '')})` },
    ...names.map(({ van, request: { name } }) => ({
      ...{ van, subscription: name },
      text: `all that waited for ${name}`,
    })),
  ]
}

/** Told to every client of the van: what its host was to keep and does not have any more. */
export function missingError(van: string, missing: readonly MissingStatus[]): StoreDamagedError {
  const named = missing.slice(0, MOST_NAMED).map(({ text }) => text)
  const more = missing.length > MOST_NAMED ? `, and ${missing.length - MOST_NAMED} more` : ''
  const rest = missing.some(({ text }) => text.startsWith(ALL)) ? '' : ' All else is there.'
  return new StoreDamagedError(
    `The store of van ${van} was damaged. Missing: ${named.join('; ')}${more}.${rest} What was set aside is in the store's folder; status() has the whole list.`,
  )
}
