import { InvalidOptionError, InvalidPatternError } from '../../errors.js'
import { atLeast, checkSignal, knownOptions, whole } from '../../message/check-option.js'
import { checkPattern, isRequestPattern, requestPattern, withoutPosition } from '../../message/pattern.js'
import { checkPublishTopic, checkTopic, isSystemTopic, REQUESTS } from '../../message/topic.js'
import { checkName } from '../contract/options.js'
import type { ReplyOptions, RequestOptions } from '../contract/services.js'

const DEFAULT_TIMEOUT = 10_000
const DEFAULT_ATTEMPTS = 3
const DEFAULT_CONCURRENCY = 64

export interface CheckedRequest {
  readonly topic: string
  readonly timeout: number
  readonly signal: AbortSignal | undefined
  readonly attempts: number
}

const defaults = { timeout: DEFAULT_TIMEOUT, signal: undefined, attempts: DEFAULT_ATTEMPTS }

/** @throws InvalidTopicError, InvalidOptionError */
export function checkRequest(topic: string, options: RequestOptions | undefined): CheckedRequest {
  checkPublishTopic(topic)
  const full = REQUESTS + topic
  checkTopic(full)
  if (options === undefined) return { topic: full, ...defaults }
  knownOptions('request()', options, ['timeout', 'signal', 'attempts'])
  const { timeout = DEFAULT_TIMEOUT, signal, attempts = DEFAULT_ATTEMPTS } = options
  checkSignal('request()', signal)
  return {
    topic: full,
    timeout: atLeast('request: timeout', timeout, 0, Infinity),
    signal,
    attempts: whole('request: attempts', attempts, 1, 1_000_000),
  }
}

export interface CheckedReply {
  /** Of the subscription. */
  readonly pattern: RegExp | string
  readonly name: string | undefined
  readonly concurrency: number
}

/** @throws InvalidPatternError, InvalidOptionError */
export function checkReply(
  pattern: RegExp | string,
  responder: unknown,
  options: ReplyOptions,
): CheckedReply {
  checkPattern(pattern)
  if (typeof pattern === 'string' && isSystemTopic(pattern))
    throw new InvalidPatternError(
      `Topics that begin with $ are the system's: you cannot send a request on ${JSON.stringify(pattern)}.`,
    )
  if (typeof responder !== 'function')
    throw new InvalidOptionError('reply() takes a function of a message: bus.reply(pattern, message => …).')
  knownOptions('reply()', options, ['name', 'concurrency'])
  const { name, concurrency = DEFAULT_CONCURRENCY } = options
  if (name !== undefined) checkName(name)
  const own = typeof pattern === 'string' ? pattern : withoutPosition(pattern)
  const wanted = requestPattern(own)
  checkPattern(wanted)
  return { pattern: wanted, name, concurrency: whole('reply: concurrency', concurrency, 1, 1_000_000) }
}

/** Requests reach `reply()` alone. @throws InvalidPatternError */
export function checkNoRequests(pattern: RegExp | string): void {
  if (!isRequestPattern(pattern)) return
  throw new InvalidPatternError('Topics that begin with $request/ are those of requests: use reply().')
}
