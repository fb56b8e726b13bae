import type { ActorBroker } from './actors.js'
import type { DeadLetters } from './dead-letters.js'
import type { ModuleRef } from './module-ref.js'
import type { HostStatus, VanStatus } from './status.js'
import type { SubscriptionRequest } from './subscription-request.js'

/**
 * The side of a broker that no message needs: an app looks into its van with it, and manages names, handlers and actors.
 * All calls are safe at any time. After `close` they reject with ClosedError.
 */
export interface Control {
  readonly actors: ActorBroker
  status(): Promise<VanStatus>
  /** The hosts that this one can reach. The own host comes first. */
  hosts(): Promise<HostStatus[]>
  deadLetters(): DeadLetters
  /** Removes the named subscription and its queue. Resolves with false when the van has none of that name. */
  unsubscribe(name: string): Promise<boolean>
  /** Loads the module into the host, which runs it as a consumer of this named subscription. */
  subscribeHandler(name: string, handler: ModuleRef, request: SubscriptionRequest): Promise<void>
}
