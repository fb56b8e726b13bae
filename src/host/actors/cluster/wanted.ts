import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import type { BornOf } from '../parent.js'

/** A request for an actor on any host that fits. */
export interface Wanted {
  readonly van: string
  readonly request: ActorRequest
  /** The caller's host, which is tried first. */
  readonly asking: string
  /** Tells that host, and no other, whether the caller may name any module. */
  readonly ticket: string
  /** The host of its parent's mailbox. */
  readonly parentAt: string
  /** The worker that creates it as a child. */
  readonly bornOf?: BornOf | undefined
}

/** A placed actor, and its host. */
export interface Placed {
  readonly self: ActorAddress
  readonly host: string
}
