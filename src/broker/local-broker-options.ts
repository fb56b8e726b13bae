import type { StateKeeper } from './state/kept-state.js'
import type { WrapNews } from './state/wrap-news.js'
import type { SchedulerLike } from 'rxjs'
import type { Unrouted } from '../bus/contract/broker.js'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { DeadLetter } from '../bus/contract/dead-letters.js'
import type { Counters, HostStatus } from '../bus/contract/status.js'
import type { Envelope } from '../message/envelope.js'
import type { Encoding } from '../codec/encoding.js'
import type { Matcher } from '../message/pattern.js'
import type { MsgvanError } from '../errors.js'
import type { DurableLog } from './durable/durable-log.js'
import type { LetterMemory } from './dead-letters/letter-memory.js'
import type { ByteBudget } from './memory/byte-budget.js'
import type { HostRef } from '../bus/contract/hosts.js'
import type { Subscription } from './subscription/subscription.js'

/** Makes the payload that a dead letter travels as. */
export type WrapLetter = (
  letter: Omit<DeadLetter, 'payload'>,
  envelope: Envelope,
) => { body: unknown; size: number; encoding: Encoding }

export type TakeBack = (letter: Omit<DeadLetter, 'payload'>, envelope: Envelope, error: unknown) => boolean

export interface LocalBrokerOptions {
  van: string
  /** Time for redelivery, deadlines and expiry. Its `now` should be monotonic. */
  scheduler: SchedulerLike
  /** Wall clock, for timestamps. Default `Date.now`. */
  wallClock?: () => number
  /** Runs something soon, outside the current call stack. Default `queueMicrotask`. */
  soon?: (run: () => void) => void
  /**
   * Makes the matcher of a pattern: native for the app's own patterns, in linear time for those that came over a link.
   */
  compile: (pattern: RegExp) => Matcher
  /** Default: the letter itself, for one process. */
  wrapLetter?: WrapLetter
  /** Makes the body of other news. Default: for one process. */
  wrapNews?: WrapNews
  /** Keeps states for the next process. Default: they end with this one. */
  stateKeeper?: StateKeeper | undefined
  /** Gets published messages without any subscription. */
  unrouted?: (envelope: Envelope, why: Unrouted) => void
  /**
   * Called before `unrouted`: resolves when a subscription may have come; undefined when the broker should not look
   * again.
   */
  coming?: (envelope: Envelope) => Promise<void> | undefined
  /**
   * Gets a message that the broker gives up on. If it returns true, it takes the message back, which becomes no dead
   * letter.
   */
  takeBack?: TakeBack | undefined
  hostStatus: () => HostStatus
  /** The counts of this van before this broker. Default: none. */
  counted?: Readonly<Counters> | undefined
  /** A named subscription has these rules from now on; undefined: it is gone. */
  nameChanged?: ((name: string, rules: SubscriptionRequest | undefined) => void) | undefined
  /** Whether the maker of a subscription may see messages with this topic. Default: it may. */
  sees?: ((maker: Pick<SubscriptionRequest, 'principal' | 'sight'>, topic: string) => boolean) | undefined
  /** Makes an id that tells subscriptions apart that have a name one after another. Default: none. */
  newIncarnation?: () => string
  /** Keeps messages beyond this process. Default: none. */
  durableLog?: DurableLog | undefined
  /** The prefix of the name under which this broker itself publishes. Default: none. */
  publisherPrefix?: string | undefined
  /** The prefix of subscription ids, to tell those of several hosts apart. Default: none. */
  idPrefix?: string
  /** A subscription is full, and publishers begin to wait for it. */
  paused?: (subscription: Subscription) => void
  /** A full subscription holds so much that publishers at other hosts should wait for it too, or it holds nothing any more. */
  crowded?: (subscription: Subscription, isCrowded: boolean) => void
  /**
   * A publisher waits for a subscription without a consumer. Default: `errors$`.
   *
   * @param from the relay that the message came by
   */
  tellPublisher?: (publisher: string, error: MsgvanError, from: HostRef | undefined) => void
  /** The memory of messages that wait. Default: without a limit. */
  budget?: ByteBudget
  /** The memory of dead letters, of several brokers. Default: without a limit. */
  letterMemory?: LetterMemory
  /** Whether this publisher has messages in hand. Then it does not wait for memory. Default: it has none. */
  isWorking?: (publisher: string) => boolean
  /** Milliseconds during which the same id of a publish again is the same message. Default 120,000. */
  dedupe?: number | undefined
  /** How many publishes a full subscription may hold by `overflow: 'pause'`, or handlers queue. Default 100,000. */
  maxHeld?: number
}
