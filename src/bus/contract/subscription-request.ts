import type { ReplayFrom, ReplayStart } from '../../message/replay.js'
import type { Ordered } from '../../message/order/ordered.js'
import type { HeaderMatch } from '../../message/headers.js'
import type { RetryDelay } from '../../message/retry-delay.js'
import type { Sight } from './sight.js'

/** The default of `maxPendingBytes`. */
export const DEFAULT_PENDING_BYTES = 64 * 1024 * 1024

/** The rules of a name: all its subscribers share them. Every other option belongs to one subscriber. */
export const RULES = [
  'ordered',
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
] as const

export type Rule = (typeof RULES)[number]

/** At most `messages` begin within `per` milliseconds, wherever these begin. */
export interface Rate {
  readonly messages: number
  readonly per: number
}

export type Overflow = 'pause' | 'drop-oldest' | 'drop-newest' | 'error'

/** The headers that a subscription wanted of messages before that place in the log. */
export interface EarlierMatch {
  readonly before: number
  readonly match?: HeaderMatch
}

export type Expired = 'dead' | 'drop'

/** A subscription's request to its broker. All durations in milliseconds. */
export interface SubscriptionRequest {
  readonly pattern: RegExp | string
  /** All its subscribers share the subscription. It lasts until it is unsubscribed by name. */
  readonly name?: string | undefined
  /**
   * In a host: tells subscriptions apart that had the name one after another. The host gives it with the name, and
   * keeps it as long.
   */
  readonly incarnation?: string | undefined
  /**
   * In a host: when a handler or an actor got the name, by the clock of the host that has it. One that comes back has it
   * no longer if another one got it since.
   */
  readonly servedSince?: number | undefined
  /** The name is paused: it hands out nothing. The van sets it, and keeps it with the name. Default: it is not. */
  readonly paused?: boolean | undefined
  /** For an unnamed subscription in a host with a store: its client finds it again by this after the host's death. */
  readonly session?: string | undefined
  /**
   * For an unnamed subscription that the leader keeps for a client of another host: the next process in the place of
   * that host finds it again by this.
   */
  readonly origin?: string | undefined
  /** Unnamed, it began with a replay in an earlier session: it goes on, and replays nothing. */
  readonly isResumed?: boolean | undefined
  /** In a host with principals: the principal that made it. Its rights limit the messages. Undefined: no limit. */
  readonly principal?: string | undefined
  /**
   * At a leader, of a subscription that a principal of another host made: the rules there limit the messages, too.
   * Undefined: no limit.
   */
  readonly sight?: Sight | undefined
  /**
   * Begins with kept messages. Only for a broker with a log; an existing named subscription continues at its own place.
   */
  readonly from?: ReplayFrom | ReplayStart | undefined
  readonly ordered: Ordered
  /** The number of unsettled deliveries that this consumer takes at once. */
  readonly prefetch: number
  /** Total tries. */
  readonly attempts: number
  readonly delay: RetryDelay
  /** 0: no limit. */
  readonly ackTimeout: number
  readonly maxPending: number
  /** Of payloads. Inside one process they have no bytes. */
  readonly maxPendingBytes: number
  readonly overflow: Overflow
  /** Only messages with these headers. Default: all. */
  readonly match?: HeaderMatch | undefined
  /** In a store: messages that came before, and still wait, were chosen by other headers. In order. */
  readonly earlierMatches?: readonly EarlierMatch[] | undefined
  /** What becomes of a message whose time to live has ended. Undefined: `'dead'`. */
  readonly expired?: Expired | undefined
  /** Of begins, over all consumers. Default: no limit. */
  readonly rate?: Rate | undefined
  /** The number of messages in hand at once, over all consumers. Default: no limit. */
  readonly concurrency?: number | undefined
  /** The rules that the subscriber gave. The others are defaults, and may differ from the rules of the name. */
  readonly given?: readonly Rule[] | undefined
  /**
   * Whether the rules of an existing name stay, or change for all. Default: they stay while others are attached, and
   * the given ones must be the same.
   */
  readonly joins?: 'keep' | 'replace' | undefined
}
