import type { ReplayFrom, ReplayStart } from '../../message/replay.js'
import type { RetryDelay } from '../../message/retry-delay.js'

/** The rules of a name: all who subscribe under it share them. What else is asked for is each subscriber's own. */
export const RULES = [
  'ordered',
  'attempts',
  'delay',
  'ackTimeout',
  'maxPending',
  'maxPendingBytes',
  'overflow',
] as const

export type Rule = (typeof RULES)[number]

export type Overflow = 'pause' | 'drop-oldest' | 'drop-newest' | 'error'

/** What a subscription asks of the broker that holds it. All durations in milliseconds. */
export interface SubscriptionRequest {
  readonly pattern: RegExp | string
  /** Shared by all who subscribe under it, and kept until unsubscribed by name. */
  readonly name?: string | undefined
  /** In a host: which one it is of those that had the name one after another. The host gives it with the name, and keeps it as long. */
  readonly incarnation?: string | undefined
  /** For one without a name, in a host that keeps what it owes: by this its client finds it again after the host's death. */
  readonly session?: string | undefined
  /** Begins with what was kept. Only where that is done; one with a name that is there already goes on where it is. */
  readonly from?: ReplayFrom | ReplayStart | undefined
  readonly ordered: boolean
  /** How many unsettled deliveries this consumer takes at once. */
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
  /** Of the rules of a name, those that were asked for: the others are defaults, which are not insisted on. */
  readonly given?: readonly Rule[] | undefined
  /** The rules of a name that is there stay, or change for all. Default: they stay where others are attached, and what is given must be the same. */
  readonly joins?: 'keep' | 'replace' | undefined
}
