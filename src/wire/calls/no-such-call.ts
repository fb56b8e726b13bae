import { UnsupportedError } from '../../errors.js'

/** A name that is not in the table of calls, or not for this caller. */
export function noSuchCall(name: string): UnsupportedError {
  return new UnsupportedError(
    `This host has no call ${JSON.stringify(name.slice(0, 100))}. It may be older than you: run \`msgvan restart\`.`,
  )
}
