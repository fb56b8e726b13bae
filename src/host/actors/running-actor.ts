import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import type { BornOf } from './parent.js'

/** Who plays an actor: a crew of this host, or a troupe of several hosts. */
export interface Cast {
  /** The other hosts that it is on; undefined if it is on this one alone. */
  readonly hosts: readonly string[] | undefined
  /** So many workers of this host. */
  readonly size: number
  /** `file:` URLs of what this host has loaded for it. */
  readonly modules: readonly string[]
  /**
   * Resolves when these instances are set up and take messages.
   *
   * @param loaded called before the first of them may take any
   * @throws ActorStartError, ActorPlacementError
   */
  start(numbers: readonly number[], loaded: () => void): Promise<void>
  /**
   * Of an actor that a host before this one had: what goes wrong is a crash like any other, and it goes on.
   *
   * @throws ActorPlacementError and the like: no host has it for now, and the next one that comes and fits will
   */
  startAgain(numbers: readonly number[]): Promise<void>
  /** With what they have in hand done. */
  stop(): Promise<void>
  reload(): Promise<void>
  reconsider(): void
  /** Resolves when they get the messages of those that they are to get, and of no others. */
  tellSubscriptions(): Promise<void>
  /** Of this host's part. */
  status(host: string): ActorStatus[]
}

/** One actor, as the host knows it that keeps it. */
export interface RunningActor {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** Where its parent is, if that is another host. */
  readonly parentHost: string | undefined
  readonly bornOf: BornOf | undefined
  readonly cast: Cast
  /** Set up, and not ending. */
  isUp: boolean
  ending: Promise<void> | undefined
  /** It ends with this host only: the next one has it again, with what waits for it. */
  isForLater?: boolean
  /** Nobody is told of its end: who created it is no more. */
  isUnmissed?: boolean
}

/** What people call it. */
export function label({ id, name }: ActorAddress): string {
  return name ?? id
}
