/** Subscriptions that may have missed messages: each kind of them as a whole. */
export interface Missed {
  /** Unnamed ones, which get new messages only. */
  readonly live: boolean
  /** Unnamed ones, which begin with kept messages. */
  readonly replayed: boolean
  /** Named ones: their queues are gone. */
  readonly named: boolean
}
