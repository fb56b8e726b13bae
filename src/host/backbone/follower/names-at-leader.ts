import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { StateBroker } from '../../../bus/contract/control.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { InboxMembership } from '../../../client/inbox/inbox-membership.js'
import type { RemoteBroker } from '../../../client/remote-broker.js'
import { ClosedError, describe, SessionLostError, StoreError } from '../../../errors.js'
import type { PublishArgs } from '../../../wire/calls/publish-calls.js'
import type { Names } from '../contract/names.js'
import type { Sights } from '../contract/sights.js'
import type { InterestsOfLeader } from './interests-of-leader.js'

/** Sights in one call. Each has at most 32,768 characters of rules. */
const SIGHTS_A_CALL = 32

export interface NamesAtLeaderOptions {
  readonly remote: RemoteBroker
  readonly interests: InterestsOfLeader
  readonly sights: Sights
  readonly warn: (text: string) => void
}

/** The named subscriptions of a van, and its log, at the leader. */
export class NamesAtLeader implements Names {
  readonly #options: NamesAtLeaderOptions
  readonly #placed = new WeakMap<Membership, Promise<void>>()

  constructor(options: NamesAtLeaderOptions) {
    this.#options = options
  }

  consume(request: SubscriptionRequest, consumer: Consumer): Membership {
    const { remote, interests } = this.#options
    const limited = this.#limited(request)
    const forget = interests.assume(request.pattern)
    const membership = remote.consume(limited, consumer)
    // Answered behind the subscription itself, and behind the INTEREST that comes of it.
    const placed = remote.call('ready').then(forget, (error: unknown) => {
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

  requestOf(membership: Membership): SubscriptionRequest | undefined {
    if (!(membership instanceof InboxMembership) || membership.hasLeft) return undefined
    const { request, wasConfirmed } = membership
    // An unnamed one goes on at the leader, and replays nothing again.
    return request.name === undefined && wasConfirmed ? { ...request, isResumed: true } : request
  }

  async replace(request: SubscriptionRequest & { readonly name: string }): Promise<number | undefined> {
    if (request.principal !== undefined) this.#options.sights.check(request.principal)
    return this.#options.remote.call('backbone.replace', { request: this.#limited(request) })
  }

  async unsubscribe(name: string): Promise<boolean> {
    return this.#options.remote.call('unsubscribe', { name })
  }

  async pause(name: string, isPaused: boolean): Promise<boolean> {
    return this.#options.remote.call('pause', { name, isPaused })
  }

  publish(args: PublishArgs): Promise<unknown> {
    return this.#options.remote.call('publish', args)
  }

  cancel(id: string): Promise<boolean> {
    return this.#options.remote.call('cancel', { id })
  }

  topicOf(id: string): Promise<string | undefined> {
    return this.#options.remote.call('backbone.delayed', { id })
  }

  get states(): StateBroker {
    return this.#options.remote.control.states
  }

  renewRights(principals: readonly string[]): void {
    const { remote, sights, warn } = this.#options
    for (let at = 0; at < principals.length; at += SIGHTS_A_CALL) {
      const some = principals.slice(at, at + SIGHTS_A_CALL)
      // Made whenever it is sent: in a new session the rights may have changed again.
      const args = { sights: () => some.map(each => sights.of(each)) }
      remote.call('backbone.sights', args).catch((error: unknown) => {
        // Then the next session begins with them.
        if (error instanceof ClosedError || error instanceof SessionLostError) return
        warn(`the leader goes on with the earlier rights of ${some.join(', ')}: ${describe(error)}`)
      })
      for (const principal of some)
        try {
          sights.check(principal)
        } catch (error) {
          warn(`the subscriptions of ${principal} at the leader get no messages: ${describe(error)}`)
        }
    }
  }

  /** The leader limits it by the rights of its principal here, which are read whenever it is sent. */
  #limited<R extends SubscriptionRequest>(request: R): R {
    const { principal } = request
    if (principal === undefined) return request
    const { sights } = this.#options
    return Object.defineProperty({ ...request }, 'sight', {
      enumerable: true,
      get: () => sights.of(principal),
    })
  }
}
