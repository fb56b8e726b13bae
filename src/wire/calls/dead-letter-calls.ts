import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import { UnreadablePayloadError } from '../../errors.js'
import { object } from './call-definition.js'
import { Fields } from '../frames/fields.js'

export interface LetterPageRequest extends DeadLetterFilter {
  /** The host that has the letters. */
  readonly host: string
  /** The place of the last letter on the page before; 0: the first page. */
  readonly after: number
  readonly payloads: boolean
}

/** Letters around payloads in bytes, or without payloads. */
export interface LetterPage {
  readonly letters: readonly unknown[]
  /** The place to go on from. Undefined: this was the last page. */
  readonly next?: number | undefined
}

export const filterArgs = object(decodeFilter)

export const pageArgs = object((fields): LetterPageRequest => ({
  ...decodeFilter(fields),
  host: fields.text('host', 100),
  after: fields.whole('after'),
  payloads: fields.flag('payloads'),
}))

/** @throws UnreadablePayloadError */
export function readLetterPage(value: unknown): LetterPage {
  const page = new Fields(value, what => new UnreadablePayloadError(`A page of dead letters ${what}.`))
  return { letters: page.list('letters'), next: page.optional('next', key => page.whole(key)) }
}

function decodeFilter(fields: Fields): DeadLetterFilter {
  const subscription = fields.optional('subscription', key => fields.text(key))
  const id = fields.optional('id', key => fields.text(key))
  return { ...(subscription === undefined ? {} : { subscription }), ...(id === undefined ? {} : { id }) }
}
