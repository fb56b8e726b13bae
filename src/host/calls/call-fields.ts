import { InvalidOptionError, UnsupportedError } from '../../errors.js'
import { Fields } from '../../wire/frames/fields.js'

/** The arguments of a call, to be checked as they are read. */
export function fieldsOf(args: unknown): Fields {
  return new Fields(args, what => new InvalidOptionError(`A call's arguments: this ${what}.`))
}

export function noSuchCall(method: string): UnsupportedError {
  return new UnsupportedError(
    `This host has no call ${JSON.stringify(method.slice(0, 100))}. It may be older than you: run \`msgvan restart\`.`,
  )
}
