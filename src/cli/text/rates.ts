import type { Counters, SubscriptionStatus, VanStatus } from '../../bus/contract/status.js'

/** The rates of a subscription, a second. */
export interface SubscriptionRates {
  readonly delivered: number
  readonly acked: number
  readonly failed: number
}

/** A van between two looks at it. */
export interface Sample extends Omit<VanStatus, 'subscriptions'> {
  /** Of the later look: ISO 8601. */
  readonly time: string
  /** Between the two. */
  readonly seconds: number
  /** The rates of the van, a second. */
  readonly perSecond: Counters
  /** The busiest first. */
  readonly subscriptions: (SubscriptionStatus & { readonly perSecond: SubscriptionRates })[]
}

/** A look at a van, with its time by a clock that does not go back. */
export interface Look {
  readonly status: VanStatus
  readonly at: number
}

export function sampleOf(before: Look, after: Look, now: Date): Sample {
  const seconds = Math.max((after.at - before.at) / 1_000, 0.001)
  const known = new Map(before.status.subscriptions.map(each => [each.id, each]))
  // A restarted host, or a van that was forgotten, counts from the beginning.
  const rate = (then: number, since: number): number =>
    Math.round((10 * (since >= then ? since - then : since)) / seconds) / 10
  const { counters } = after.status
  const perSecond = { ...counters }
  for (const key of Object.keys(counters) as (keyof Counters)[])
    perSecond[key] = rate(before.status.counters[key], counters[key])
  const subscriptions = after.status.subscriptions.map(each => {
    const { delivered, acked, failed } = known.get(each.id) ?? { delivered: 0, acked: 0, failed: 0 }
    return {
      ...each,
      perSecond: {
        delivered: rate(delivered, each.delivered),
        acked: rate(acked, each.acked),
        failed: rate(failed, each.failed),
      },
    }
  })
  subscriptions.sort((a, b) => b.perSecond.delivered - a.perSecond.delivered || b.pending - a.pending)
  return {
    ...after.status,
    time: now.toISOString(),
    seconds: Math.round(seconds * 1_000) / 1_000,
    perSecond,
    subscriptions,
  }
}
