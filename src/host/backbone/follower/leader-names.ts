import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { RemoteBroker } from '../../../client/remote-broker.js'
import { StoreError } from '../../../errors.js'
import type { Wants } from '../leader/wants.js'
import type { Names } from '../backbone.js'

/** The named subscriptions of a van, and its log, at the leader. */
export class LeaderNames implements Names {
  readonly #remote: RemoteBroker
  readonly #wants: Wants
  readonly #placed = new WeakMap<Membership, Promise<void>>()

  constructor(remote: RemoteBroker, wants: Wants) {
    this.#remote = remote
    this.#wants = wants
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const forget = this.#wants.assume(request.pattern)
    const membership = this.#remote.consume(request, consumer)
    // Answered behind the subscription itself, and behind the INTEREST that comes of it.
    const placed = this.#remote.call('ready').then(forget, (error: unknown) => {
      if (error instanceof StoreError) throw error
      // This host ends. It reports nothing that is not so.
      return new Promise<void>(() => undefined)
    })
    placed.catch(() => undefined)
    this.#placed.set(membership, placed)
    return membership
  }

  placed(membership: Membership): Promise<void> | undefined {
    return this.#placed.get(membership)
  }

  async replace(request: SubscriptionRequest & { readonly name: string }): Promise<void> {
    await this.#remote.call('backbone.replace', { request })
  }

  async unsubscribe(name: string): Promise<boolean> {
    return this.#remote.call('unsubscribe', { name })
  }
}
