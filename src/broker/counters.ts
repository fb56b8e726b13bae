import type { Counters } from '../bus/status.js'

export function noCounts(): Counters {
  return { published: 0, delivered: 0, acked: 0, failed: 0, redelivered: 0, deadLettered: 0, dropped: 0 }
}
