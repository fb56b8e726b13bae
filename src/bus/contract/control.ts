import type { ActorBroker, Isolation } from './actors.js'
import type { DeadLetters } from './dead-letters.js'
import type { ModuleRef } from './module-ref.js'
import type { HostStatus, VanStatus } from './status.js'
import type { SubscriptionRequest } from './subscription-request.js'

/**
 * The part of a broker beside the way of messages: an app uses it to look into its van, and to manage names, handlers
 * and actors. All calls are safe at any time. After `close` they reject with ClosedError.
 */
export interface Control {
  readonly actors: ActorBroker
  status(): Promise<VanStatus>
  /** The hosts that this one can reach. Its own host comes first. */
  hosts(): Promise<HostStatus[]>
  deadLetters(): DeadLetters
  /** Removes the named subscription and its queue. Resolves with false when it does not exist. */
  unsubscribe(name: string): Promise<boolean>
  /** Pauses the named subscription, or lets it go on. Resolves with false when it does not exist. */
  pause(name: string, isPaused: boolean): Promise<boolean>
  /** Takes back a delayed message. Resolves with false when none with this id is delayed. */
  cancel(id: string): Promise<boolean>
  /** Loads the module into the host, which runs it as a consumer of this named subscription. */
  subscribeHandler(
    name: string,
    handler: ModuleRef,
    request: SubscriptionRequest,
    isolation: Isolation,
  ): Promise<void>
}
