import type { SchedulerLike } from 'rxjs'
import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { DeadLetter } from '../bus/contract/dead-letters.js'
import type { Counters, HostStatus } from '../bus/contract/status.js'
import type { Envelope } from '../message/envelope.js'
import type { Encoding } from '../codec/encoding.js'
import type { Matcher } from '../message/pattern.js'
import type { MsgvanError } from '../errors.js'
import type { DurableLog } from './durable/durable-log.js'
import type { Origin } from './subscription/pause.js'
import type { Subscription } from './subscription/subscription.js'

/** What a dead letter travels as. */
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
  /** How patterns are matched: natively for the app's own, in linear time for those that came over a link. */
  compile: (pattern: RegExp) => Matcher
  /** Default: the letter itself, for one process. */
  wrapLetter?: WrapLetter
  /** Gets what was published and matched by nobody. */
  unrouted?: (envelope: Envelope) => void
  /** Asked before that: resolves when it is worth looking again whom it is for; undefined when it is not. */
  coming?: (envelope: Envelope) => Promise<void> | undefined
  /** A message was given up on: true if it is taken back, and becomes no dead letter. */
  takeBack?: TakeBack
  hostStatus: () => HostStatus
  /** What was counted before: by this van, when nobody used it for a while. Default: nothing. */
  counted?: Readonly<Counters> | undefined
  /** A named subscription has these rules from now on; undefined: it is gone. */
  nameChanged?: ((name: string, rules: SubscriptionRequest | undefined) => void) | undefined
  /** Tells those apart that have a name one after another. Default: nobody asks. */
  newIncarnation?: () => string
  /** Keeps what is owed beyond this process. Default: nobody does. */
  durableLog?: DurableLog
  /** Stands before the ids of subscriptions, to tell those of several hosts apart. Default: nothing. */
  idPrefix?: string
  /** A subscription is full, and publishers begin to wait for it. */
  paused?: (subscription: Subscription) => void
  /** A full subscription holds so much that publishers at other hosts should wait for it too, or it holds nothing any more. */
  crowded?: (subscription: Subscription, isCrowded: boolean) => void
  /** A publisher waits for a subscription that nobody consumes. @param from the way by which it came. Default: `errors$`. */
  tellPublisher?: (publisher: string, error: MsgvanError, from: Origin | undefined) => void
  /** How many publishes a full subscription may hold by `overflow: 'pause'`, or handlers queue. Default 100,000. */
  maxHeld?: number
}
