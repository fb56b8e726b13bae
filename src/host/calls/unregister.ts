import type { HandlerStatus } from '../../bus/contract/status.js'
import type { Actors } from '../actors/actors.js'
import type { HandlerRequest } from '../handlers/handlers.js'
import type { Session } from '../session/session.js'

/** Runs handlers in this host. */
export interface HandlerService {
  /** @throws HandlerModuleError, InvalidPatternError */
  register(wanted: HandlerRequest): Promise<void>
  /** Resolves with false when it does not exist. */
  unregister(van: string, name: string): Promise<boolean>
  /** The host with the names was away: those that it gave to others end here. */
  reclaim(): void
  /** Of a van, by name. */
  all(van: string): Record<string, HandlerStatus>
}

/** The parts of a host that may get the messages of a named subscription. */
interface Serving {
  readonly handlers: HandlerService | undefined
  readonly actors: Actors | undefined
}

/** Between hosts: none of their handlers and actors serves that name any more. */
export const UNREGISTER = 'backbone.unregister'

/**
 * No handler and no actor of this host gets the messages of that name any more.
 *
 * @returns whether a handler did
 */
export async function unregister(van: string, name: string, { handlers, actors }: Serving): Promise<boolean> {
  await actors?.unsubscribe(van, name)
  return (await handlers?.unregister(van, name)) ?? false
}

/** Nor on other hosts. */
export async function unregisterEverywhere(
  { van, follower }: Pick<Session, 'van' | 'follower'>,
  name: string,
  serving: Serving,
): Promise<boolean> {
  const here = await unregister(van.name, name, serving)
  const elsewhere = await van.reach.ask(UNREGISTER, { name }, follower?.relay)
  return here || elsewhere.includes(true)
}
