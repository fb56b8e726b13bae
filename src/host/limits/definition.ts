/** Limits of a principal at one host, and the unit of each. */
export const LIMITS = {
  publishes: 'publishes a second',
  bytes: 'bytes of payload a second',
  connections: 'connections',
  subscriptions: 'subscriptions',
  names: 'subscriptions with a name',
  waiting: 'bytes that wait',
} as const

export type Limit = keyof typeof LIMITS
export const limitNames = Object.keys(LIMITS) as readonly Limit[]

/** A publish over the limit: its promise waits, or it is refused. */
export const OVER = ['wait', 'refuse'] as const
export type Over = (typeof OVER)[number]

/** As the file of principals has them. A missing one is no limit. */
export type PrincipalLimits = Readonly<Partial<Record<Limit, number>>> & { readonly over: Over }
