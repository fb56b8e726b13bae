import { MOST_RATE } from '../../bus/contract/options.js'
import { DEFAULT_PENDING_BYTES, type SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { RULES, type EarlierMatch, type Rate, type Rule } from '../../bus/contract/subscription-request.js'
import { InvalidOptionError, InvalidPatternError } from '../../errors.js'
import { backoff } from '../../operators/backoff.js'
import { checkMatch } from '../../message/headers.js'
import { ReplayStart, type ReplayFrom } from '../../message/replay.js'
import { MAX_ORDERED, readOrdered, type Ordered } from '../../message/order/ordered.js'
import { MAX_PRINCIPAL_NAME } from '../principal-token.js'
import { Fields } from './fields.js'
import { decodeSight, encodeSight } from './sight.js'
import { broken } from '../protocol.js'

/** A pattern on the link. The other side checks a RegExp before it compiles it. */
export type WirePattern = string | { readonly source: string; readonly flags: string }

/** Functions do not cross: a client with a delay function sends its delay with each failure. */
const hostDelay = backoff({ initial: 100, max: 30_000 })

export const MAX_INCARNATION = 64

/** A client, and its number for the subscription. */
const MAX_ORIGIN = 100

const MOST = Number.MAX_SAFE_INTEGER

export function encodeRequest(request: SubscriptionRequest): Record<string, unknown> {
  const {
    pattern,
    name,
    incarnation,
    servedSince,
    origin,
    principal,
    sight,
    ordered,
    prefetch,
    attempts,
    delay,
    ackTimeout,
    maxPending,
    maxPendingBytes,
    overflow,
    match,
    earlierMatches,
  } = request
  const from = encodeFrom(request.from)
  return {
    pattern: encodePattern(pattern),
    ...(name === undefined ? {} : { name }),
    ...(incarnation === undefined ? {} : { incarnation }),
    ...(servedSince === undefined ? {} : { servedSince }),
    ...(request.paused === true ? { paused: true } : {}),
    ...(origin === undefined ? {} : { origin }),
    ...(request.isResumed === true ? { isResumed: true } : {}),
    ...(principal === undefined ? {} : { principal }),
    ...(sight === undefined ? {} : { sight: encodeSight(sight) }),
    ...(typeof delay === 'function' ? {} : { delay }),
    ...(from === undefined ? {} : { from }),
    ordered,
    prefetch,
    attempts,
    ackTimeout,
    maxPending,
    maxPendingBytes,
    overflow,
    ...(match === undefined ? {} : { match }),
    ...(earlierMatches === undefined ? {} : { earlierMatches }),
    ...(request.expired === undefined ? {} : { expired: request.expired }),
    ...(request.rate === undefined ? {} : { rate: request.rate }),
    ...(request.concurrency === undefined ? {} : { concurrency: request.concurrency }),
    ...(request.given === undefined ? {} : { given: request.given }),
    ...(request.joins === undefined ? {} : { joins: request.joins }),
  }
}

/** @throws InvalidOptionError, InvalidPatternError */
export function decodeRequest(value: unknown): SubscriptionRequest {
  const fields = new Fields(value, what => new InvalidOptionError(`A subscription's request ${what}.`))
  const pattern = decodePattern(fields.get('pattern'))
  return {
    pattern,
    name: fields.optional('name', key => fields.text(key, 200)),
    incarnation: fields.optional('incarnation', key => fields.text(key, MAX_INCARNATION)),
    servedSince: fields.optional('servedSince', key => fields.number(key, 0, MOST)),
    paused: fields.optional('paused', key => fields.flag(key)),
    origin: fields.optional('origin', key => fields.text(key, MAX_ORIGIN)),
    isResumed: fields.optional('isResumed', key => fields.flag(key)),
    principal: fields.optional('principal', key => fields.text(key, MAX_PRINCIPAL_NAME)),
    sight: fields.optional('sight', key => decodeSight(fields.get(key))),
    delay: fields.optional('delay', key => readDelay(fields, key)) ?? hostDelay,
    from: fields.optional('from', () => decodeFrom(fields)),
    ordered: readOrder(fields, pattern),
    prefetch: fields.whole('prefetch', 1, 1_000_000),
    attempts: fields.whole('attempts', 1, MOST),
    ackTimeout: fields.number('ackTimeout', 0, MOST),
    maxPending: fields.number('maxPending', 1, MOST),
    maxPendingBytes:
      fields.optional('maxPendingBytes', key => fields.number(key, 1, MOST)) ?? DEFAULT_PENDING_BYTES,
    overflow: fields.oneOf('overflow', ['pause', 'drop-oldest', 'drop-newest', 'error']),
    match: fields.optional('match', key => checkMatch(fields.get(key))),
    earlierMatches: fields.optional('earlierMatches', key => fields.list(key, 100).map(decodeEarlier)),
    expired: fields.optional('expired', key => fields.oneOf(key, ['dead', 'drop'] as const)),
    rate: fields.optional('rate', key => readRate(fields.fields(key))),
    concurrency: fields.optional('concurrency', key => fields.whole(key, 1, 1_000_000)),
    given: fields.optional('given', key => readGiven(fields.list(key, RULES.length))),
    joins: fields.optional('joins', key => fields.oneOf(key, ['keep', 'replace'] as const)),
  }
}

function readOrder(fields: Fields, pattern: RegExp | string): Ordered {
  if (typeof fields.get('ordered') !== 'string') return fields.flag('ordered')
  return readOrdered(fields.text('ordered', MAX_ORDERED), pattern)
}

function decodeEarlier(value: unknown): EarlierMatch {
  const fields = new Fields(value, what => new InvalidOptionError(`An earlier match ${what}.`))
  const match = fields.optional('match', key => checkMatch(fields.get(key)))
  return { before: fields.whole('before'), ...(match === undefined ? {} : { match }) }
}

function readRate(fields: Fields): Rate {
  return { messages: fields.whole('messages', 1, MOST_RATE), per: fields.whole('per', 1, MOST) }
}

function readGiven(names: readonly unknown[]): Rule[] {
  return RULES.filter(rule => names.includes(rule))
}

/** The present rules of a name, for a consumer that asked for others. */
export interface RulesInForce {
  readonly subscription: number
  readonly attempts: number
  readonly ackTimeout: number
  /** Undefined: a function, which stays with its client. */
  readonly delay: number | readonly number[] | undefined
  /** The client gives back the messages that it has not begun. Default: it does not. */
  readonly paused?: boolean | undefined
}

export function rulesInForce(
  subscription: number,
  { attempts, ackTimeout, delay, paused }: SubscriptionRequest,
): RulesInForce {
  const known = { subscription, attempts, ackTimeout, delay: typeof delay === 'function' ? undefined : delay }
  return paused === true ? { ...known, paused } : known
}

/** @throws ProtocolError */
export function decodeRules(value: unknown): RulesInForce {
  const fields = new Fields(value, what => broken(`of rules ${what}`))
  return {
    subscription: fields.whole('subscription'),
    attempts: fields.whole('attempts', 1, MOST),
    ackTimeout: fields.number('ackTimeout', 0, MOST),
    delay: fields.optional('delay', key => readDelay(fields, key)),
    paused: fields.optional('paused', key => fields.flag(key)),
  }
}

/** The incarnation of the name that a subscription has joined. */
export interface Named {
  readonly subscription: number
  readonly incarnation: string
}

/** @throws ProtocolError */
export function decodeNamed(value: unknown): Named {
  const fields = new Fields(value, what => broken(`of a name ${what}`))
  return {
    subscription: fields.whole('subscription', 1),
    incarnation: fields.text('incarnation', MAX_INCARNATION),
  }
}

/** A host's own start is in its cursors. */
function encodeFrom(from: SubscriptionRequest['from']): unknown {
  if (from instanceof ReplayStart) return undefined
  return from instanceof Date ? { time: from.getTime() } : from
}

function decodeFrom(fields: Fields): ReplayFrom {
  const from = fields.get('from')
  if (typeof from === 'number') return fields.whole('from')
  if (typeof from === 'string') return fields.oneOf('from', ['start', 'last'] as const)
  const object = fields.fields('from')
  if (object.has('last')) return { last: object.whole('last', 1) }
  return new Date(object.number('time', -8.64e15, 8.64e15))
}

function readDelay(fields: Fields, key: string): number | readonly number[] {
  return Array.isArray(fields.get(key)) ? fields.numbers(key, 0, MOST, 1_000) : fields.number(key, 0, MOST)
}

export function encodePattern(pattern: RegExp | string): WirePattern {
  return typeof pattern === 'string' ? pattern : { source: pattern.source, flags: pattern.flags }
}

/** @throws InvalidOptionError, InvalidPatternError */
export function decodePattern(value: unknown): RegExp | string {
  if (typeof value === 'string') {
    if (value.length <= 1_024) return value
    throw new InvalidPatternError('A topic has at most 1,024 bytes.')
  }
  const { source, flags } = patternFields(
    new Fields(value, what => new InvalidOptionError(`A pattern ${what}.`)),
  )
  try {
    return new RegExp(source, flags)
  } catch (cause) {
    throw new InvalidPatternError(`/${source.slice(0, 100)}/${flags} is not a regular expression.`, { cause })
  }
}

function patternFields(pattern: Fields): { source: string; flags: string } {
  const source = pattern.text('source', 100_000)
  // Before it is parsed: the parser takes long for very long expressions.
  if (source.length > 512) {
    throw new InvalidPatternError(
      `A pattern of ${source.length} characters is over the limit of 512 bytes in a host. Make it smaller.`,
    )
  }
  return { source, flags: pattern.text('flags', 10) }
}
