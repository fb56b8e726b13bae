import type { Consumer } from '../../bus/contract/broker.js'
import type { OutboundLog } from '../durable/durable-log.js'
import type { PatternTable } from '../patterns/pattern-table.js'
import type { Separator } from '../memory/separator.js'
import type { Item } from '../subscription/backlog/item.js'
import type { Subscription } from '../subscription/subscription.js'
import type { SubscriptionOwner } from '../subscription/subscription-owner.js'
import { Relay } from './relay.js'
import type { Router } from './router.js'

/** The relays of a broker, one for each other host. `status` does not list them. */
export class Relays {
  readonly #routes: PatternTable<Subscription>
  readonly #owner: SubscriptionOwner<Subscription>
  readonly #router: Router
  readonly #open = new Set<Relay>()

  constructor(routes: PatternTable<Subscription>, owner: SubscriptionOwner<Subscription>, router: Router) {
    this.#routes = routes
    this.#owner = owner
    this.#router = router
  }

  /**
   * @param outboundLog a log for the messages of the relay. Default: they stay in memory
   */
  open(consumer: Consumer, outboundLog?: OutboundLog): Relay {
    const closed = (owed: readonly Item[]): void => {
      this.#open.delete(relay)
      for (const { envelope } of owed) this.#router.reroute(envelope)
    }
    const relay: Relay = new Relay(consumer, this.#routes, this.#owner, closed, outboundLog)
    this.#open.add(relay)
    return relay
  }

  /** No relay has a message. */
  get isIdle(): boolean {
    return [...this.#open].every(relay => relay.isIdle)
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (const relay of this.#open) relay.separate(separator)
  }

  /** Each finds out anew whether its host may get messages. */
  changed(): void {
    for (const relay of this.#open) relay.owed.changed()
  }

  refuseHeld(error: Error): void {
    for (const relay of this.#open) relay.refuseHeld(error)
  }

  close(): void {
    for (const relay of [...this.#open]) relay.close()
  }
}
