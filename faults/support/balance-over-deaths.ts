import type { SubscriptionStatus } from '../../src/index.js'
import type { Account } from '../scenario.js'
import { duplicates, keyOf } from './checks.js'
import type { Evidence, Published } from './evidence.js'

/**
 * The account of a scenario in which hosts without a store were killed, with one subscription that everything matches. What
 * a host had accepted and not delivered died with it; so did the subscription, until its successor heard of it anew. Of each
 * publisher that is the end of what the one host accepted, and the beginning of what the next one did: it was
 * handed out in order. A hole anywhere else is a loss.
 */
export function balanceOverDeaths(
  evidence: Evidence,
  status: SubscriptionStatus,
): { account: Account; problems: string[] } {
  const handled = new Set(evidence.handled.map(keyOf))
  const lost: string[] = []
  let lostWithHost = 0
  let acked = 0
  for (const [publisher, published] of evidence.publishers) {
    const isHandled = (sequence: number): boolean => handled.has(keyOf({ publisher, sequence }))
    const lastHost = evidence.inForce.length - 1
    for (let host = 0; host <= lastHost; host += 1) {
      const taken = published.takenBy(host)
      // What the host before had delivered, and not acknowledged to its publisher, came to this one again.
      const own = taken.findIndex(sequence => !isHandled(sequence))
      const handledFirst = taken.findIndex((sequence, at) => at > own && isHandled(sequence))
      const first = handledFirst < 0 ? taken.length : handledFirst
      const last = taken.findLastIndex(isHandled)
      for (const [at, sequence] of taken.entries()) {
        if (isHandled(sequence)) acked += 1
        else if (host < lastHost && at > last) lostWithHost += 1
        else if (at < first && isBefore(published, sequence, evidence.inForce[host]?.at)) lostWithHost += 1
        else lost.push(keyOf({ publisher, sequence }))
      }
    }
  }
  const accepted = evidence.taken
  const { deadLettered, dropped, pending, inFlight } = status
  const waiting = pending + inFlight
  const account: Account = {
    accepted,
    acked,
    deadLettered,
    waiting,
    dropped,
    lostWithHost,
    lost: lost.length,
    duplicates: duplicates(evidence.handled),
  }
  const rest = acked + deadLettered + waiting + dropped + lostWithHost
  return {
    account,
    problems: [
      ...(lost.length > 0 ? [`${lost.length} lost while their host lived, the first: ${lost[0] ?? ''}`] : []),
      ...(accepted === rest + lost.length ? [] : [`the books differ: ${accepted} accepted, ${rest} found`]),
      ...(evidence.refused > 0 ? [`${evidence.refused} publishes were refused`] : []),
    ],
  }
}

/** Called before the subscription was in force at that host: it may have come before. */
function isBefore({ calls }: Published, sequence: number, inForce = 0): boolean {
  return (calls[sequence - 1] ?? Infinity) < inForce
}
