import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import type { BornOf } from '../parent.js'

/** An actor that somebody wants, on whichever host will do. */
export interface Wanted {
  readonly van: string
  readonly request: ActorRequest
  /** The host of whoever wants it, which is tried first. */
  readonly asking: string
  /** By which that host, and no other, knows whether they may name any module. */
  readonly ticket: string
  /** The host that keeps its parent. */
  readonly parentAt: string
  /** The worker that wants it as its child. */
  readonly bornOf?: BornOf | undefined
}

/** Where it is now. */
export interface Placed {
  readonly self: ActorAddress
  readonly host: string
}
