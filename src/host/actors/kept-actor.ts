import type { ActorRequest } from '../../bus/contract/actors.js'

/** An actor that the next host starts again. */
export interface KeptActor {
  readonly van: string
  /** Stays the same, so that refs stay valid. */
  readonly id: string
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** The other hosts that had instances of it. */
  readonly hosts?: readonly string[] | undefined
  /** The named subscriptions that it consumes, where they are kept with it. */
  readonly subscriptions?: readonly unknown[]
}
