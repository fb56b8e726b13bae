import type { Sight } from '../../../bus/contract/sight.js'

/** The rights of this host's principals, as they are now, for a place that has their named subscriptions. */
export interface Sights {
  /** A principal that is gone, or whose rights are too large to send, sees nothing. */
  of(principal: string): Sight
  /** @throws LimitError if they are too large to send */
  check(principal: string): void
}
