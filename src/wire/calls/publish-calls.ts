import { LONGEST_ID, LONGEST_WAIT, type PublishRules } from '../../bus/contract/options.js'
import { noHeaders, type Headers } from '../../message/envelope.js'
import { checkHeaders } from '../../message/headers.js'
import { InvalidOptionError } from '../../errors.js'
import { checkPublishTopic } from '../../message/topic.js'
import { object } from './call-definition.js'
import type { Fields } from '../frames/fields.js'

/** The most characters of a mark: a host's prefix, a client and a number. */
const LONGEST_MARK = 200

/** The latest time of a Date. */
const LATEST = 8.64e15

/** A publish with an id, or a delay. */
export interface PublishArgs extends PublishRules {
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: Headers
  /** Unique in the van: of a publish without an id, so that its repetition in another session is found. */
  readonly mark?: string | undefined
}

export const publishArgs = object(readPublish, (args: PublishArgs) => {
  const { headers, ...rest } = args
  const given = Object.entries(rest).filter(([, value]) => value !== undefined)
  return { ...Object.fromEntries(given), ...(headers === noHeaders ? {} : { headers }) }
})

/** @throws InvalidOptionError, InvalidTopicError, InvalidPayloadError */
function readPublish(fields: Fields): PublishArgs {
  const topic = fields.text('topic')
  checkPublishTopic(topic)
  const headers = fields.get('headers') ?? noHeaders
  checkHeaders(headers)
  const payload = fields.get('payload')
  if (!(payload instanceof Uint8Array))
    throw new InvalidOptionError('The arguments of a call: the payload is not in bytes.')
  const rules = {
    id: fields.optional('id', key => nonEmpty(fields.text(key, LONGEST_ID))),
    delay: fields.optional('delay', key => fields.number(key, 0, LONGEST_WAIT)),
    at: fields.optional('at', key => fields.number(key, -LATEST, LATEST)),
    ttl: fields.optional('ttl', key => fields.number(key, 1, LONGEST_WAIT)),
  }
  if (rules.delay !== undefined && rules.at !== undefined)
    throw new InvalidOptionError('publish() takes delay or at: give one of them.')
  return {
    topic,
    payload,
    headers,
    ...rules,
    mark: fields.optional('mark', key => fields.text(key, LONGEST_MARK)),
  }
}

export const idArgs = object(fields => ({ id: nonEmpty(fields.text('id', LONGEST_ID)) }))

function nonEmpty(id: string): string {
  if (id === '') throw new InvalidOptionError('An id is a non-empty string.')
  return id
}
