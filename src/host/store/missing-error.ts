import type { MissingStatus } from '../../bus/contract/status.js'
import { StoreDamagedError } from '../../errors.js'
import type { KeptName } from '../van/names-file.js'
import type { MissingInVan } from './accounts.js'

const MOST_NAMED = 10

const ALL = 'all that the store held'

/** The losses when a whole store is gone: the queues of its named subscriptions. */
export function missingStore(why: string, names: readonly KeptName[]): MissingInVan[] {
  return [
    { text: `${ALL} (${why.replace(/^\w+Error: /, '')})` },
    ...names.map(({ van, request: { name } }) => ({
      ...{ van, subscription: name },
      text: `all that waited for ${name}`,
    })),
  ]
}

/** For every client of the van: the losses of its store. */
export function missingError(van: string, missing: readonly MissingStatus[]): StoreDamagedError {
  const named = missing.slice(0, MOST_NAMED).map(({ text }) => text)
  const more = missing.length > MOST_NAMED ? `, and ${missing.length - MOST_NAMED} more` : ''
  const rest = missing.some(({ text }) => text.startsWith(ALL)) ? '' : ' Everything else is there.'
  return new StoreDamagedError(
    `The store of van ${van} was damaged. Missing: ${named.join('; ')}${more}.${rest} The damaged parts are in the store's folder; status() has the whole list.`,
  )
}
