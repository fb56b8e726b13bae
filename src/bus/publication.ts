import { InvalidOptionError } from '../errors.js'
import { checkSignal, knownOptions } from '../message/check-option.js'
import type { Headers } from '../message/envelope.js'
import { checkHeaders } from '../message/headers.js'
import { checkKey, KEY_HEADER, withKey } from '../message/order/key.js'
import type { PublishOptions } from './contract/options.js'

/** A message as one object. */
export interface Publication {
  topic: string
  payload?: unknown
  headers?: Headers
  key?: string | undefined
}

/** An app may publish a received Message, or a copy of one: by its topic, payload and headers, which have its key. */
const parts = new Set(['topic', 'payload', 'headers', 'key', 'id', 'timestamp', 'attempt', 'redelivered'])

/** `null` is neither a message nor a topic. */
export function isPublication(value: string | Publication | null): value is Publication {
  return typeof value === 'object' && value !== null
}

/**
 * @param more the second argument, which a program without types might give
 *
 * @throws InvalidOptionError
 */
export function checkPublication(publication: Publication, more: unknown): void {
  // An object that is not a message is a wrong topic.
  if (more !== undefined && typeof publication.topic === 'string')
    throw new InvalidOptionError(
      'publish() takes a message as its only argument: publish({ topic, payload, headers, key }).',
    )
  for (const key in publication) {
    if (!parts.has(key))
      throw new InvalidOptionError(
        `publish() takes a message of topic, payload, headers and key; it has no ${JSON.stringify(key)}.`,
      )
  }
}

/** @throws InvalidOptionError */
export function checkPublishOptions(options: PublishOptions): void {
  // Refuses null headers as `headers` does.
  knownOptions('publish()', options, ['headers', 'key', 'signal'], ['headers'])
  checkSignal('publish()', options.signal)
}

/**
 * The headers of a message, with its key.
 *
 * @throws InvalidPayloadError, InvalidOptionError
 */
export function headersOf(headers: Headers | undefined, key: unknown): Headers | undefined {
  if (headers === undefined) return key === undefined ? undefined : withKey(undefined, key)
  checkHeaders(headers)
  if (key === undefined) {
    if (headers[KEY_HEADER] !== undefined) checkKey(headers[KEY_HEADER])
    return headers
  }
  const all = withKey(headers, key)
  checkHeaders(all)
  return all
}
