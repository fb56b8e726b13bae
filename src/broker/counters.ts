import type { Counters } from '../bus/contract/status.js'

export function noCounts(): Counters {
  return { published: 0, delivered: 0, acked: 0, failed: 0, redelivered: 0, deadLettered: 0, dropped: 0 }
}

export function addCounts(sum: Counters, counts: Readonly<Counters>): void {
  sum.published += counts.published
  sum.delivered += counts.delivered
  sum.acked += counts.acked
  sum.failed += counts.failed
  sum.redelivered += counts.redelivered
  sum.deadLettered += counts.deadLettered
  sum.dropped += counts.dropped
}
