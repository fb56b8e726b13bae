import type { Sight } from '../../bus/contract/sight.js'
import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import { UnreadablePayloadError } from '../../errors.js'
import { decodeSight, encodeSight } from '../frames/sight.js'
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

/** Letters to replay or to purge. */
export interface LettersMeant extends DeadLetterFilter {
  /** Between hosts: only those that each of these may see. */
  readonly sights?: readonly Sight[] | undefined
}

/** A principal at a host that has joined as a principal. */
const MOST_SIGHTS = 2

export const filterArgs = object(
  (fields): LettersMeant => {
    const sights = fields.optional('sights', key => fields.list(key, MOST_SIGHTS).map(decodeSight))
    return { ...decodeFilter(fields), ...(sights === undefined ? {} : { sights }) }
  },
  ({ sights, ...filter }: LettersMeant) => ({
    ...filter,
    ...(sights === undefined ? {} : { sights: sights.map(encodeSight) }),
  }),
)

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
