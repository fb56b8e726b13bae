import { InvalidOptionError } from '../errors.js'
import { checkSignal, knownOptions, shown } from '../message/check-option.js'
import { isUtf8 } from '../message/well-formed.js'
import type { Headers } from '../message/envelope.js'
import { checkHeaders } from '../message/headers.js'
import { checkKey, KEY_HEADER, withKey } from '../message/order/key.js'
import type { PublishOptions } from './contract/options.js'
import { LONGEST_ID, LONGEST_WAIT, type PublishRules } from './contract/options.js'

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

/**
 * @returns the rules among them, if there are some
 * @throws InvalidOptionError
 */
export function checkPublishOptions(options: PublishOptions): PublishRules | undefined {
  // Refuses null headers as `headers` does.
  knownOptions('publish()', options, ['headers', 'key', 'signal', 'id', 'delay', 'at', 'ttl'], ['headers'])
  const { signal, id, delay, at, ttl } = options
  checkSignal('publish()', signal)
  if (id === undefined && delay === undefined && at === undefined && ttl === undefined) return undefined
  if (id !== undefined) checkId(id)
  if (delay !== undefined && at !== undefined)
    throw new InvalidOptionError('publish() takes delay or at: give one of them.')
  return {
    id,
    delay: delay === undefined ? undefined : wait('delay', delay, 0),
    at: at === undefined ? undefined : timeOf(at),
    ttl: ttl === undefined ? undefined : wait('ttl', ttl, 1),
  }
}

/** @throws InvalidOptionError */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || id.length === 0 || id.length > LONGEST_ID || !isUtf8(id))
    throw new InvalidOptionError(
      `An id is a non-empty string of at most ${LONGEST_ID} characters, without half a surrogate pair.`,
    )
}

function wait(option: string, value: unknown, least: number): number {
  if (typeof value !== 'number' || !(value >= least && value <= LONGEST_WAIT))
    throw new InvalidOptionError(
      `${option} is a number of milliseconds from ${least} to ${LONGEST_WAIT} (ten years); this is ${shown(value)}.`,
    )
  return value
}

function timeOf(at: unknown): number {
  const time = Object.prototype.toString.call(at) === '[object Date]' ? Number(at) : NaN
  if (Number.isNaN(time)) throw new InvalidOptionError(`at is a valid Date; this is ${shown(at)}.`)
  if (time > Date.now() + LONGEST_WAIT)
    throw new InvalidOptionError(`at is at most ten years ahead; this is ${new Date(time).toISOString()}.`)
  return time
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
