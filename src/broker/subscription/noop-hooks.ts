import type { Envelope } from '../../message/envelope.js'
import type { Item } from './item.js'

/** What a kind of subscription that keeps books of what it owes overrides; in memory there is nothing to enter. */
export class NoopHooks {
  /** It is in force. */
  registered?(): void
  /** It became a dead letter, or was told to who asked. */
  gone?(item: Item): void
  /** It is removed, and what it owes is given up with this reason: also by the next process, if this one dies meanwhile. */
  endKept?(reason: string): void
  /** An overflow rule threw it away. */
  protected dropped?(envelope: Envelope): void
}
