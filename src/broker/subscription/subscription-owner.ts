import type { MsgvanError } from '../../errors.js'
import type { Envelope } from '../../message/envelope.js'
import type { Item } from './item.js'
import type { Pause } from './pause.js'

/** The broker around a subscription, as the subscription sees it. */
export interface SubscriptionOwner<S> {
  after(delay: number, run: () => void): () => void
  /** The time of day. Somebody may set it back. */
  now(): number
  /** Milliseconds by a clock that only goes forward: for waits. */
  elapsed(): number
  /** Has it dispatch soon: never from inside a `next`. */
  wake(subscription: S): void
  /** It is full, and publishers begin to wait for it. */
  paused(subscription: S): void
  /** It holds so much that publishers at other hosts should wait for it too, or it holds nothing any more. */
  crowded?(subscription: S, isCrowded: boolean): void
  /** This publisher waits for a subscription without a consumer. Called once, until a consumer joins or there is room. */
  abandonedPublisher(subscription: S, pause: Pause): void
  /** It gave up on a message. @returns false if `takeBack` accepts the message, so that it becomes no dead letter */
  buried(subscription: S, item: Item, error: unknown): boolean
  /** It waits for all deliveries to be settled. */
  readonly isClosing: boolean
  /** This message has no subscription any more. */
  unrouted(envelope: Envelope): void
  /** It has other rules now. */
  renewed?(subscription: S): void
  /** For what no call could report. */
  report?(error: MsgvanError): void
  /** A delivery was settled, or given back. */
  settled(): void
  /** A subscription that ends with its last consumer has lost it. */
  abandoned(subscription: S): void
}
