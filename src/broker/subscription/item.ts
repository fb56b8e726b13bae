import type { Envelope } from '../../message/envelope.js'
import type { Membership } from '../../bus/contract/broker.js'

/** One message as one subscription owes it, from its first wait to its settlement. */
export class Item {
  failures = 0
  /** Hand-overs that a subscriber saw. */
  deliveries = 0
  /** Handed out, and in the books of who has it. */
  isBooked = false
  /** Wall clock of the first failure. */
  firstFailedAt = 0
  /** Who failed it last: a retry prefers another one. */
  avoid: Membership | undefined
  /** It failed and may come again without a delay: who failed it waits for it, and gets it beyond its credit in bytes. */
  isDueAtOnce = false
  /** Its consumer gave it back for a moment, and takes it up again: that is no other hand-over. */
  isTakenUp = false
  /** Said with a failure (`handle`'s config); rules over the subscription's. */
  attempts: number | undefined

  constructor(
    readonly envelope: Envelope,
    /** Its place in the subscription's order, kept through every redelivery. */
    readonly order: number,
  ) {}

  /** It failed and comes again at once: before all others. Else by the subscription's order. */
  comesBefore(other: Item): boolean {
    return this.isDueAtOnce === other.isDueAtOnce ? this.order < other.order : this.isDueAtOnce
  }

  /** It was handed out, or failed, before. */
  get isBegun(): boolean {
    return this.deliveries > 0 || this.failures > 0
  }

  /** Handed out once already. */
  static handedOut(envelope: Envelope, order: number): Item {
    const item = new Item(envelope, order)
    item.deliveries = 1
    return item
  }
}
