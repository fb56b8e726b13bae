/** How both ends treat a call. */
interface CallTraits {
  /** It changes something that outlasts the bus: a bus that drains waits for the answer before it closes. */
  readonly outlastsBus?: true
  /** It only reads: a bus that closes while it is not connected does not wait for the answer. */
  readonly reads?: true
  /** It changes records in the store: the host answers when they are on the disk. */
  readonly isStored?: true
  /** The host process that takes over answers it again. It refuses all others: they may have been done. */
  readonly isAnsweredAgain?: true
}

/**
 * All calls between a bus and its host, and between hosts, by their names on the wire. Calls to the host process itself begin with
 * `host.`; this table lists only those with traits.
 */
export const CALLS = {
  ready: { reads: true, isStored: true, isAnsweredAgain: true },
  subscribe: { isStored: true },
  unsubscribe: { outlastsBus: true, isStored: true },
  books: {},
  away: {},
  status: { reads: true, isAnsweredAgain: true },
  hosts: { reads: true, isAnsweredAgain: true },
  // Not answered again: the host has another id after its restart, and a page names its host.
  'deadLetters.page': { reads: true },
  'deadLetters.replay': { outlastsBus: true, isStored: true },
  'deadLetters.purge': { outlastsBus: true, isStored: true },
  'handlers.register': { outlastsBus: true, isStored: true },
  'actors.create': { outlastsBus: true, isStored: true },
  'actors.find': { reads: true, isAnsweredAgain: true },
  'actors.subscribe': { outlastsBus: true, isStored: true },
  'actors.stop': { outlastsBus: true, isStored: true },
  'backbone.join': {},
  'backbone.answer': {},
  'backbone.request': {},
  'backbone.crowded': {},
  'backbone.continued': {},
  'backbone.host': {},
  'backbone.replace': { isStored: true },
  'backbone.unregister': { isStored: true },
  'host.capabilities': { outlastsBus: true },
  'host.status': { reads: true },
} as const satisfies Record<string, CallTraits>

export type CallName = keyof typeof CALLS | `host.${string}`

const none: CallTraits = {}

/** @param name as it came, or goes, over the link: an unknown name has no traits */
export function traitsOf(name: string): CallTraits {
  return Object.hasOwn(CALLS, name) ? CALLS[name as keyof typeof CALLS] : none
}
