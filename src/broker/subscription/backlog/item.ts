import type { Envelope } from '../../../message/envelope.js'
import type { Membership } from '../../../bus/contract/broker.js'
import type { Start } from '../throttle.js'

/** One message in one subscription, from its first wait to its settlement. */
export class Item {
  failures = 0
  /** The number of times that a subscriber got it. */
  deliveries = 0
  /** The number of loops that left it in hand. A new host counts anew. */
  abandons = 0
  /** It is handed out, and entered at its consumer. */
  isEntered = false
  /** Wall clock of the first failure. */
  firstFailedAt = 0
  /** The consumer that failed it last: a retry prefers another one. */
  avoid: Membership | undefined
  /**
   * It failed and may come again without a delay. The consumer that failed it waits for it, and gets it beyond its
   * credit in bytes.
   */
  isDueAtOnce = false
  /** Its consumer gave it back for a moment, and takes it up again: this is not another delivery. */
  isTakenUp = false
  /** Set by a failure (`handle`'s config). Overrides the subscription's rule. */
  attempts: number | undefined
  /** Of a throttled subscription: its place in the rate since it was handed out. */
  start: Start | undefined

  constructor(
    /** Another one, when its bytes move. */
    public envelope: Envelope,
    /** Its place in the subscription's order, the same through every redelivery. */
    readonly order: number,
  ) {}

  /** A message that failed and comes again at once is before all others. The rest follows the subscription's order. */
  comesBefore(other: Item): boolean {
    return this.isDueAtOnce === other.isDueAtOnce ? this.order < other.order : this.isDueAtOnce
  }

  /** It was handed out, or failed, before. */
  get isBegun(): boolean {
    return this.deliveries > 0 || this.failures > 0
  }

  /** A message that was handed out once already. */
  static handedOut(envelope: Envelope, order: number): Item {
    const item = new Item(envelope, order)
    item.deliveries = 1
    return item
  }
}
