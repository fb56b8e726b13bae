import type { Envelope } from '../../message/envelope.js'
import type { Item } from './backlog/item.js'

/** Hooks for durable subscriptions; no-ops in memory. */
export class NoopHooks {
  /** The subscription is in force. */
  registered?(): void
  /** The message became a dead letter, or its asker got the error. */
  gone?(item: Item): void
  /** No present member may see it: it waits aside, and others pass it by. */
  protected setAside?(envelope: Envelope): void
  /** Its key is busy: it waits aside, and messages of other keys pass it by. */
  waitsForKey?(envelope: Envelope): void
  /**
   * The subscription is removed, and its messages are given up with this reason, by the next process if this one dies.
   */
  endKept?(reason: string): void
  /** An overflow rule dropped it. */
  protected dropped?(envelope: Envelope): void
}
