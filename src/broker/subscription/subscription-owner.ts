import type { MsgvanError } from '../../errors.js'
import type { Unrouted } from '../../bus/contract/broker.js'
import type { Envelope, Headers } from '../../message/envelope.js'
import type { KeyReader } from '../../message/order/key-reader.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Item } from './backlog/item.js'
import type { Pause } from './backlog/pause.js'

/** The broker, as a subscription uses it. */
export interface SubscriptionOwner<S> {
  after(delay: number, run: () => void): () => void
  /** The time of day. It may be set back. */
  now(): number
  /** Milliseconds by a clock that only goes forward: for waits. */
  elapsed(): number
  /** Dispatches it soon: never from inside a `next`. */
  wake(subscription: S): void
  /** It is full, and publishers begin to wait for it. */
  paused(subscription: S): void
  /** It holds so much that publishers at other hosts should wait for it too, or it holds nothing any more. */
  crowded?(subscription: S, isCrowded: boolean): void
  /**
   * This publisher waits for a subscription without a consumer. Called once, until a consumer joins or there is room.
   */
  abandonedPublisher(subscription: S, pause: Pause): void
  /**
   * It gave up on a message.
   *
   * @returns false if `takeBack` accepts the message, so that it becomes no dead letter
   */
  deadLettered(subscription: S, item: Item, error: unknown): boolean
  /** The broker waits until all deliveries are settled. */
  readonly isClosing: boolean
  /** This message has no subscription any more. */
  unrouted(envelope: Envelope, why: Unrouted): void
  /** Whether the maker by these rules may see messages with this topic. Default: it may. */
  sees?(rules: SubscriptionRequest, topic: string): boolean
  /** Reads the keys of its messages, if these rules order it by key. Default: they do not. */
  keyReader?(rules: SubscriptionRequest): KeyReader | undefined
  /** Its maker may see other messages than before. */
  rightsChanged?(): void
  /** The message's time to live has ended. Default: it has not. */
  hasExpired?(headers: Headers): boolean
  /** It has other rules now. */
  renewed?(subscription: S): void
  /** For an error that no call could report. */
  report?(error: MsgvanError): void
  /** A delivery was settled, or given back. */
  settled(): void
  /** A subscription that ends with its last consumer has lost it. */
  abandoned(subscription: S): void
}
