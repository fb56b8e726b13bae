import type { BornOf } from './parent.js'
import type { ChildExit, ExitReason } from '../../actors/definition/actor.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import type { Log } from '../../log/log.js'
import type { HandlerHost } from '../handlers/handlers.js'
import type { KeptActor } from './kept-actor.js'
import type { Cast } from './running-actor.js'

/** What actors need of the host around them. */
export interface ActorHost extends HandlerHost {
  readonly log: Log
  broker(van: string): LocalBroker
  capabilities(): CapabilityValues
  /** Keeps an actor beyond the host's life, or with undefined its end. Default: nobody does. */
  keepActor?(van: string, id: string, kept: KeptActor | undefined): Promise<void>
  /** Before it is started again after so many crashes in a row. Default: from 0.1 to 10 seconds. */
  readonly restartDelay?: (error: unknown, crashes: number) => number
}

/** An actor whose instances are to be spread over hosts. */
export interface Spread {
  /** The host of whoever wants it: among equals it is the first. */
  readonly asking: string
  /** By which that host knows whether they may name any module. */
  readonly ticket: string
  /** One of a host before this one: where it was, if those hosts come back soon. */
  readonly awaited?: readonly string[]
}

/** An actor for which a troupe is wanted. */
export interface SpreadActor {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  /** As other hosts are told. */
  readonly subscriptions: () => unknown[]
  /** Its last instance has ended. */
  readonly endSoon: (reason: ExitReason, detail: string) => void
}

/** The families of actors that have members on other hosts. */
export interface Relations {
  /** Resolves when no child of that actor runs on another host, or none that was born of that incarnation. */
  endChildren(parent: string, incarnation?: string): Promise<void>
  /** Ends a named subscription, wherever in the van it is kept: what waits in it is given up. */
  retire(van: string, name: string, text: string): Promise<void>
  /** Instances on several hosts. */
  troupe(actor: SpreadActor, spread: Spread): Cast
  /** For one of a host before this one. */
  spreadAgain(kept: KeptActor): Spread
  /** Tells a parent on another host. */
  childExited(van: string, parent: string, parentHost: string, exit: ChildExit): void
}

export interface StartOptions {
  /** Who wants it proved to be this machine's user, who may name any module. */
  readonly isLocalUser: boolean
  readonly id?: string
  /** It ran in a host before this one, and its mailbox is there. */
  readonly isAgain?: boolean
  /** Where its parent is, if that is another host: it has made sure that there is one. */
  readonly parentHost?: string | undefined
  readonly bornOf?: BornOf | undefined
  /** Default: all instances are here. */
  readonly spread?: Spread | undefined
}
