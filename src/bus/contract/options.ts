import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidOptionError } from '../../errors.js'
import { atLeast, checkSignal, knownOptions, oneOf, whole } from '../../message/check-option.js'
import type { Headers } from '../../message/envelope.js'
import { orderedOf, type OrderedOption } from '../../message/order/ordered.js'
import { checkMatch, type HeaderMatch } from '../../message/headers.js'
import { checkReplayFrom, type ReplayFrom } from '../../message/replay.js'
import { checkRetryDelay, defaultDelay, type RetryDelay } from '../../message/retry-delay.js'
import { isUtf8 } from '../../message/well-formed.js'
import type { Isolation } from './actors.js'
import {
  DEFAULT_PENDING_BYTES,
  type Expired,
  type Overflow,
  type Rate,
  type SubscriptionRequest,
} from './subscription-request.js'
import { RULES } from './subscription-request.js'

/** The options of a subscription. Durations are in milliseconds. */
export interface TopicOptions<P = unknown> {
  /**
   * The van keeps a named subscription until `unsubscribe(name)`. All its subscribers share the work. Default: none.
   */
  name?: string
  /** `'auto'` (default): settled when `next()` returns. `'manual'`: settled by the message's verbs, or by `handle`. */
  ack?: 'auto' | 'manual'
  /**
   * The order in which messages are worked on, by all subscribers of a name together. Default false: those behind a
   * failed message pass it. `true`: one message after another; a failed one holds back all behind it. `'key'`: the
   * messages of one key one after another, and other keys go on; a failed message holds back its key alone. The key is
   * that of the publish; with `{ header: 'x' }` it is a header, with `{ group: 'x' }` a named group of the RegExp. A
   * message without a key is in no order. A handler that outlives its deadline may overlap with the next one.
   */
  ordered?: OrderedOption
  /** The number of deliveries that this subscriber may hold unsettled. Default 4,096; with `ordered: true` always 1. */
  prefetch?: number
  /** Total tries before the message becomes a dead letter. Default 5. */
  attempts?: number
  /**
   * Until the next attempt: ms; a list of them, one for each failure, the last repeated; or a function of error and
   * attempt. Default: `backoff({ initial: 100, max: 30_000 })`.
   */
  delay?: RetryDelay
  /**
   * A delivery that is not settled within this many ms fails. Default 0: no limit. Over a host it also covers a process
   * that is stopped, or whose event loop is blocked: the host notices after this long without a sign of it, and after
   * 2,000 ms at the earliest.
   */
  ackTimeout?: number
  /** The number of messages that may wait. Default 100,000. */
  maxPending?: number
  /**
   * The number of payload bytes that may wait; one message always may. Default 64 MiB. An embedded bus does not count
   * bytes.
   */
  maxPendingBytes?: number
  /**
   * The policy beyond `maxPending` and `maxPendingBytes`. `'pause'` (default) holds back the publishers' promises, but
   * no message: all other subscriptions have it at once, and this one keeps its order. `'drop-oldest'` and
   * `'drop-newest'` throw messages away and count them. `'error'` rejects the publish with OverflowError.
   */
  overflow?: Overflow
  /**
   * Only messages that have each of these headers, with this very value. The van leaves out the others before they come
   * here: they do not wait, and do not count. At most 16 headers, of 2 KiB in all. System topics (`$dead/…`) come as if
   * it were not there.
   */
  match?: HeaderMatch
  /**
   * What becomes of a message whose `ttl` has ended before it is handed out. `'dead'` (default): a dead letter with an
   * ExpiredError. `'drop'`: it is thrown away, and counted as dropped.
   */
  expired?: Expired
  /**
   * Within `per` milliseconds, wherever they begin, at most `messages` begin, over all consumers on all hosts. A retry
   * begins, too. A message that waits at a consumer for its turn counts until it has begun. After a start of the host a
   * name waits for one `per`. Default: no limit.
   */
  rate?: Rate
  /**
   * The number of messages that all consumers on all hosts may have unsettled at once; those that wait at a consumer for
   * their turn count. Default: no limit but each one's `prefetch`.
   */
  concurrency?: number
  /**
   * Replays the log of a host with a store, in order, then continues with new messages, without a gap or a duplicate
   * between. `'start'`: all of it; `'last'`: the newest message of each topic; a number: from that place in the van's
   * log on (`status().log`); a Date; or `{ last: n }`: the last n that match. An existing named subscription continues
   * at its own place. Default: only new messages.
   */
  from?: ReplayFrom
  /**
   * The rules that you give here change the name's rules for all its subscribers. Default false: while others are
   * attached, a rule that differs is refused with NameTakenError; otherwise the new rules hold. Rules are `ordered`,
   * `attempts`, `delay`, `ackTimeout`, `maxPending`, `maxPendingBytes`, `overflow`, `match`, `expired`, `rate` and
   * `concurrency`.
   */
  replace?: boolean
  /**
   * Any Standard Schema (zod, valibot, arktype …): validates and types the payload. A delivery that it refuses fails.
   */
  schema?: StandardSchemaV1<unknown, P>
  /**
   * When it aborts, the Observable completes, as with `takeUntil`: work that `handle` has in hand goes on. If it has
   * aborted before, the Observable completes at once and subscribes to nothing. Not for handlers and actors.
   */
  signal?: AbortSignal
}

/** Of a handler: those of a subscription, and where it runs. */
export interface HandlerOptions<P = unknown> extends TopicOptions<P> {
  /**
   * `'thread'` (default): in a thread of the host. `'process'`: in a process of its own, which may crash without the host.
   * Callers who are not this machine's user always get a process.
   */
  isolation?: Isolation
}

export interface PublishOptions {
  headers?: Headers
  /**
   * Orders messages for subscriptions with `ordered: 'key'`: a text of at most 1,024 UTF-8 bytes, not empty. It travels
   * as the header `partitionkey`, as CloudEvents call it. Default: none.
   */
  key?: string
  /**
   * The van takes a message with this id over once, whoever publishes it: a second publish within the host's `dedupe`
   * time (2 minutes by default) does nothing, and has the first one's outcome. The same id with another topic is refused.
   * Also the id for `bus.cancel(id)`. At most 200 characters.
   */
  id?: string
  /** Milliseconds from take-over until subscriptions get the message. Never earlier. At most ten years. */
  delay?: number
  /** The time from which subscriptions get the message, by the clock of the van's (leading) host. Not with `delay`. */
  at?: Date
  /**
   * Milliseconds, from `delay` or `at` on if there is one: a subscription that has not handed the message out by then
   * gives it up. It becomes a dead letter, or is dropped with `expired: 'drop'`.
   */
  ttl?: number
  /**
   * When it aborts, the promise rejects with its reason. Only the wait ends: the van still owes a message that it may
   * have. If it has aborted before, nothing is published.
   */
  signal?: AbortSignal
}

/** The checked rules of a publish beyond its topic, payload and headers. */
export interface PublishRules {
  /** The van takes a message with this id over once. */
  readonly id?: string | undefined
  /** Milliseconds from take-over until it is due, by a clock that only goes forward. */
  readonly delay?: number | undefined
  /** The time at which it is due, in milliseconds since the epoch. */
  readonly at?: number | undefined
  /** Milliseconds from due on, after which subscriptions do not hand it out any more. */
  readonly ttl?: number | undefined
}

/** The longest delay and the longest ttl: about ten years. */
export const LONGEST_WAIT = 315_360_000_000

/** The most characters of an id. */
export const LONGEST_ID = 200

/** A message with these rules needs no decision of the van: its headers say all. */
export function isPlain({ id, delay, at }: PublishRules): boolean {
  return id === undefined && delay === undefined && at === undefined
}

/** The longest time: about 285,000 years. Timers are cut into steps, so no time is too long for them. */
const longest = Number.MAX_SAFE_INTEGER

const known = [
  'name',
  'ack',
  'ordered',
  'prefetch',
  'attempts',
  'delay',
  'ackTimeout',
  'maxPending',
  'maxPendingBytes',
  'overflow',
  'match',
  'expired',
  'rate',
  'concurrency',
  'replace',
  'schema',
  'from',
  'signal',
]

export function toRequest(
  pattern: RegExp | string,
  options: TopicOptions,
  where = 'topic()',
  more: readonly string[] = [],
): SubscriptionRequest {
  knownOptions(where, options, [...known, ...more])
  const { name, ack, delay = defaultDelay, overflow = 'pause' } = options
  if (options.from !== undefined) checkReplayFrom(options.from)
  checkSignal(where, options.signal)
  if (name !== undefined) checkName(name)
  oneOf('ack', ack ?? 'auto', ['auto', 'manual'])
  oneOf('overflow', overflow, ['pause', 'drop-oldest', 'drop-newest', 'error'])
  const ordered = orderedOf(options.ordered ?? false, pattern)
  oneOf('expired', options.expired ?? 'dead', ['dead', 'drop'])
  oneOf('replace', options.replace ?? false, [true, false])
  if (options.replace === true && name === undefined)
    throw new InvalidOptionError('replace changes the rules of a name: give a name, or leave it out.')
  checkRetryDelay('delay', delay)
  if (options.schema !== undefined) checkSchema(options.schema)
  return {
    pattern,
    name,
    from: options.from,
    ordered,
    prefetch: ordered === true ? 1 : whole('prefetch', options.prefetch ?? 4096, 1, 1_000_000),
    attempts: whole('attempts', options.attempts ?? 5, 1, 1_000_000),
    delay,
    ackTimeout: atLeast('ackTimeout', options.ackTimeout ?? 0, 0, longest),
    maxPending: whole('maxPending', options.maxPending ?? 100_000, 1, 1_000_000_000),
    maxPendingBytes: whole('maxPendingBytes', options.maxPendingBytes ?? DEFAULT_PENDING_BYTES, 1, longest),
    overflow,
    ...(options.match === undefined ? {} : { match: checkMatch(options.match) }),
    ...(options.expired === 'drop' ? { expired: 'drop' } : {}),
    ...limits(options),
    ...(name === undefined ? {} : joining(options)),
  }
}

const MOST_CONCURRENCY = 1_000_000
/** The times of so many begins are remembered. */
export const MOST_RATE = 100_000

/** The limits over all consumers: absent ones cost nothing. */
function limits({ rate, concurrency }: TopicOptions): Pick<SubscriptionRequest, 'rate' | 'concurrency'> {
  return {
    ...(rate === undefined ? {} : { rate: checkRate(rate) }),
    ...(concurrency === undefined
      ? {}
      : { concurrency: whole('concurrency', concurrency, 1, MOST_CONCURRENCY) }),
  }
}

function checkRate(rate: Rate): Rate {
  knownOptions('rate', rate, ['messages', 'per'])
  const { messages, per } = rate
  return {
    messages: whole('rate: messages', messages, 1, MOST_RATE),
    per: whole('rate: per', per, 1, longest),
  }
}

/** How to join the rules of an existing name. */
function joining(
  options: TopicOptions & { [KEEP_RULES]?: true },
): Pick<SubscriptionRequest, 'given' | 'joins'> {
  const given = RULES.filter(rule => options[rule] !== undefined)
  const joins = options[KEEP_RULES] === true ? 'keep' : options.replace === true ? 'replace' : undefined
  return { given, joins }
}

const KEEP_RULES = Symbol('keep the rules of a name')

/**
 * @internal For a subscriber that joins an existing name: the name's rules stay.
 */
export function keepingRules<P>(options: TopicOptions<P>): TopicOptions<P> {
  return Object.assign(options, { [KEEP_RULES]: true })
}

/** The name of a subscription or an actor: a non-empty string of at most 200 characters. */
export function checkName(name: unknown, whose = 'A subscription'): asserts name is string {
  if (typeof name !== 'string' || name.length === 0 || name.length > 200 || !isUtf8(name)) {
    throw new InvalidOptionError(
      `${whose} name is a non-empty string of at most 200 characters, without half a surrogate pair.`,
    )
  }
}

function checkSchema(schema: unknown): void {
  const standard: unknown = isRecord(schema) ? schema['~standard'] : undefined
  if (!isRecord(standard) || typeof standard['validate'] !== 'function')
    throw new InvalidOptionError('schema is a Standard Schema: an object with "~standard".validate().')
}

/** Some schemas are functions. */
function isRecord(value: unknown): value is Record<string, unknown> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
