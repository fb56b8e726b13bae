import type { HostStatus, VanStatus } from '../../bus/contract/status.js'
import { UnsupportedError } from '../../errors.js'
import type { GotArgs, HostCall } from '../../wire/calls/calls.js'
import type { ActorDirectory } from '../actors/cluster/actor-directory.js'
import type { Followers } from '../backbone/introduction.js'
import type { ShownSession } from '../van/clients-status.js'
import type { HandlerService } from './unregister.js'

/** The answers of the host itself, such as that to `host.stop`. */
export type HostAnswers = { readonly [N in HostCall]: (args: GotArgs<N>) => unknown }

/** The parts of a host that answer calls. */
export interface Services {
  readonly handlers: HandlerService | undefined
  readonly actors: ActorDirectory | undefined
  /** All hosts, this one first. */
  readonly hosts: () => HostStatus[]
  /** Undefined: no host can join this one. */
  readonly followers: Followers | undefined
  /** The clients of that van. */
  readonly clients: (van: string) => Iterable<ShownSession>
  /** Denials and refusals by limits, if the host has principals. */
  readonly refused: () => Pick<VanStatus, 'denied' | 'limited' | 'waiting'> | undefined
  /** Calls to the host itself: only from callers who proved to be this machine's user. */
  readonly control: HostAnswers | undefined
}

/** @throws UnsupportedError */
export function actorsIn({ actors }: Services): ActorDirectory {
  if (actors === undefined) throw new UnsupportedError('This host runs no actors.')
  return actors
}
