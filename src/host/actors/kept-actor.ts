import type { ActorRequest } from '../../bus/contract/actors.js'

/** An actor as a host hands it over to the next one. */
export interface KeptActor {
  readonly van: string
  /** Those who hold a ref go on using it. */
  readonly id: string
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** On which other hosts its instances were, if they are spread. */
  readonly hosts?: readonly string[] | undefined
  /** The named subscriptions that it gets, where they are kept with it. */
  readonly subscriptions?: readonly unknown[]
}
