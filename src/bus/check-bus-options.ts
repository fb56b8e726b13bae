import { InvalidOptionError } from '../errors.js'
import { checkUse } from './middleware/check-use.js'
import { isUtf8 } from '../message/well-formed.js'

/**
 * Checks the options that every kind of bus has.
 *
 * @throws InvalidOptionError
 */
export function checkBusOptions({
  name = 'default',
  maxPayload = 1,
  use,
}: {
  name?: unknown
  maxPayload?: unknown
  use?: unknown
}): void {
  checkUse(use)
  if (typeof name !== 'string' || name.length === 0 || name.length > 200 || !isUtf8(name))
    throw new InvalidOptionError(
      'A van name is a non-empty string of at most 200 characters, without half a surrogate pair.',
    )
  if (!(Number.isSafeInteger(maxPayload) && Number(maxPayload) > 0))
    throw new InvalidOptionError('maxPayload is a whole number of bytes, 1 or more.')
}
