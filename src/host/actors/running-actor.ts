import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import type { BornOf } from '../../wire/calls/placing.js'

/** The instances of one actor: all on this host, or on several. */
export interface ActorInstances {
  /** The other hosts with instances; undefined if all are here. */
  readonly hosts: readonly string[] | undefined
  /** The number of its workers on this host. */
  readonly size: number
  /** `file:` URLs of the modules that this host has loaded for it. */
  readonly modules: readonly string[]
  /**
   * Resolves when these instances are set up and accept messages.
   *
   * @param loaded called before the first of them may get a message
   * @throws ActorStartError, ActorPlacementError
   */
  start(numbers: readonly number[], loaded: () => void): Promise<void>
  /**
   * Starts instances of an actor that the previous host had. A failure is a crash, after which they start again.
   *
   * @throws ActorPlacementError and the like: no host fits for now, and the next one that fits gets them
   */
  startAgain(numbers: readonly number[]): Promise<void>
  /** Resolves when their messages in hand are done. */
  stop(): Promise<void>
  reload(): Promise<void>
  reconsider(): void
  /** Resolves when they consume exactly the actor's subscriptions. */
  updateSubscriptions(): Promise<void>
  /** Of the instances on this host. */
  status(host: string): ActorStatus[]
}

/** One actor, at the host that has its mailbox. */
export interface RunningActor {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** The host of its parent, if that is another one. */
  readonly parentHost: string | undefined
  readonly bornOf: BornOf | undefined
  readonly instances: ActorInstances
  /** Set up, and not ending. */
  isUp: boolean
  ending: Promise<void> | undefined
  /** It ends at this host only. The next host has it again, with its messages. */
  isForLater?: boolean
  /** Its parent gets no `childExited`, because the worker that created it has ended. */
  isUnmissed?: boolean
}

/** Its name in texts. */
export function label({ id, name }: ActorAddress): string {
  return name ?? id
}
