import type { Membership } from '../../../bus/contract/broker.js'

/**
 * A van's queue of messages for one other host, made by the van. It holds each message that matches a wanted pattern
 * once, except those that came from that host.
 *
 * - Order: messages come out in the order in which the van took them over.
 * - Loss: a full queue delays publishers. While the other host is away, the oldest messages are dropped instead.
 * - Duplicates: a message that was handed out and not settled comes out again.
 * - Who closes: the backbone, by `close`, `giveUp` or `passTo`.
 */
export interface HostQueue {
  /** Settles the messages that the other host has accepted. */
  readonly membership: Membership
  readonly patterns: readonly (RegExp | string)[]
  /** The other host is out of reach. */
  isAway: boolean
  /** A message on this topic goes into the queue. */
  takes(topic: string): boolean
  has(pattern: RegExp | string): boolean
  /**
   * The other host wants matching messages. A second call does nothing.
   *
   * @throws InvalidPatternError
   */
  want(pattern: RegExp | string): void
  /** Messages that are in the queue stay there. */
  wantNoMore(pattern: RegExp | string): void
  /**
   * A subscription of the other host is full: publishers here whose messages match wait for it.
   *
   * @param id of that subscription, at that host
   */
  shut(id: string, pattern: RegExp | string): void
  /** That subscription has room again. */
  open(id: string): void
  /** The number of dropped messages since the last call. */
  takeDropped(): number
  /** Hands all messages to the queue of the host that takes the other one's place. */
  passTo(next: HostQueue): void
  /** The other host is gone: mail goes to the host in its place, all other messages end here. */
  giveUp(): void
  /** All messages end here. */
  close(): void
}
