import type { Principal } from '../rights/principal.js'
import { LIMITS, type Limit } from './definition.js'

/** What principals have at this host now. */
export interface Usage {
  /** Its subscriptions here and those at a leader, but those for answers to it. */
  subscriptions(principal: string): number
  /** The subscriptions with a name that it made here. */
  names(principal: string): number
}

/** The limits of what a principal has, which a call would make more. */
export type Held = Exclude<Limit, 'publishes' | 'bytes' | 'waiting'>

const ADVICE: Readonly<Record<Held, string>> = {
  connections: 'Close some',
  subscriptions: 'End some',
  names: 'Unsubscribe some by their names',
}

/**
 * @param has how many it has. Called only if there is a limit
 * @throws LimitError if it may have no more
 */
export function mayHaveMore(principal: Principal | undefined, what: Held, has: () => number): void {
  const most = principal?.limits?.[what]
  if (principal === undefined || most === undefined || has() < most) return
  throw principal.refused.refuse(what, `It has ${most} ${LIMITS[what]}. ${ADVICE[what]}`)
}
