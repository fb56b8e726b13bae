import type { NamedRequest } from '../van/names-file.js'
import type { BornOf } from '../../wire/calls/placing.js'
import type { ChildExit, ExitReason } from '../../workers/definition/actor.js'
import type { LocalBroker } from '../../broker/local-broker.js'
import type { OpenIsolate } from '../../workers/isolate.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import type { Log } from '../../log/log.js'
import type { HandlerHost } from '../handlers/handlers.js'
import type { KeptActor } from './kept-actor.js'
import type { ActorInstances } from './running-actor.js'

/** The host as its actors see it. */
export interface ActorHost extends HandlerHost {
  readonly log: Log
  broker(van: string): LocalBroker
  capabilities(): CapabilityValues
  /** Keeps an actor beyond the host's life; with undefined it keeps it no longer. Default: actors end with the host. */
  keepActor?(van: string, id: string, kept: KeptActor | undefined): Promise<void>
  /** Milliseconds before a restart, by the number of crashes in a row. Default: from 0.1 to 10 seconds. */
  readonly restartDelay?: (error: unknown, crashes: number) => number
  /** Runs its workers. Default: threads and processes. */
  readonly openIsolate?: OpenIsolate
}

/** The order to spread an actor's instances over hosts. */
export interface Spread {
  /** The host of the caller. It comes first among equally loaded hosts. */
  readonly asking: string
  /** Tells that host whether the caller may name any module. */
  readonly ticket: string
  /** The actor ran before this host restarted, on these hosts. Placement waits a while for them. */
  readonly awaited?: readonly string[]
}

/** An actor whose instances are spread over hosts. */
export interface SpreadActor {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  /** Its named subscriptions. */
  readonly subscriptions: () => NamedRequest[]
  /** Its last instance has ended. */
  readonly endSoon: (reason: ExitReason, detail: string) => void
}

/** The instances here of one actor that is on several hosts. */
export interface InstanceGroup {
  readonly van: string
  /** The id of the host that coordinates the actor: the leader. */
  readonly coordinator: string
}

/** The links between actors here and actors on other hosts. */
export interface Relations {
  /** Resolves when the actor's children on other hosts have ended. @param incarnation only those that this worker created */
  endChildren(parent: string, incarnation?: string): Promise<void>
  /** Ends a named subscription, at whichever host it is: its messages become dead letters. */
  retire(van: string, name: string, text: string): Promise<void>
  /** Instances on several hosts. */
  spread(actor: SpreadActor, spread: Spread): ActorInstances
  /** The order for an actor of the previous host. */
  spreadAgain(kept: KeptActor): Spread
  /** Notifies a parent on another host. */
  childExited(van: string, parent: string, parentHost: string, exit: ChildExit): void
  /** Tells the coordinator that the instances here have ended, by themselves or with this host. */
  groupEnded(id: string, group: InstanceGroup, reason: ExitReason, detail: string): Promise<void>
  /** Tells the coordinator that a worker here has ended. Resolves when its children have. */
  groupInstanceEnded(id: string, group: InstanceGroup, incarnation: string): Promise<void>
}

export interface StartOptions {
  /** The caller is this machine's user, who may name any module. */
  readonly isLocalUser: boolean
  readonly id?: string
  /** It ran in the previous host, and its mailbox exists. */
  readonly isAgain?: boolean
  /** The host of its parent, if that is another one. That host has checked that the parent exists. */
  readonly parentHost?: string | undefined
  readonly bornOf?: BornOf | undefined
  /** Default: all instances are here. */
  readonly spread?: Spread | undefined
}
