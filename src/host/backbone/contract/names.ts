import type { Consumer, Membership } from '../../../bus/contract/broker.js'
import type { PublishArgs } from '../../../wire/calls/publish-calls.js'
import type { StateBroker } from '../../../bus/contract/control.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'

/**
 * The named subscriptions of a van, and its log, at another place than this host. While that one is away, calls and
 * consumers wait. Order, loss and duplicates are those of any consumer of a host.
 */
export interface Names {
  consume(request: SubscriptionRequest, consumer: Consumer): Membership
  /**
   * Resolves when the subscription is in force at its place, and on the disk there if that has a store; never if this
   * host ends before.
   *
   * @throws StoreError as a rejection: in force, and not on the disk
   */
  placed(membership: Membership): Promise<void> | undefined
  /**
   * The request of a consumer there, which another process makes again. Undefined: the consumer has left, or is not
   * there.
   */
  requestOf(membership: Membership): SubscriptionRequest | undefined
  /**
   * Registers a subscription, and replaces the one of that name.
   *
   * @returns since when the caller has it; undefined if that host is older
   * @throws InvalidPatternError, NameTakenError (another one got it since the caller had it)
   */
  replace(request: SubscriptionRequest & { readonly name: string }): Promise<number | undefined>
  unsubscribe(name: string): Promise<boolean>
  pause(name: string, isPaused: boolean): Promise<boolean>
  /** Publishes a message with an id, or a delay: that place decides about it for the whole van. */
  publish(args: PublishArgs): Promise<unknown>
  /** Takes back a delayed message. */
  cancel(id: string): Promise<boolean>
  /** The topic of a delayed message. */
  topicOf(id: string): Promise<string | undefined>
  /** The states of the van, which are at that place, too. */
  readonly states: StateBroker
  /** The rights of these principals of this host have changed. */
  renewRights(principals: readonly string[]): void
}
