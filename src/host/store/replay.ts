import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import { wantingOf, type Wants } from '../../broker/wanting.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { noHeaders } from '../../message/envelope.js'
import { ReplayStart } from '../../message/replay.js'
import type { Log } from './log.js'

/**
 * The place in the log where a subscription begins. A promise if it has to search the log; the subscription misses
 * nothing meanwhile.
 */
export function replayStart(log: Log, request: SubscriptionRequest): ReplayStart | Promise<ReplayStart> {
  const { from } = request
  if (from === undefined) return new ReplayStart(log.end - 1)
  if (from instanceof ReplayStart) return from
  if (from === 'start') return new ReplayStart(log.first - 1)
  if (from === 'last') return newestOfEach(log, wantingOf(request, linearMatcher))
  if (from instanceof Date) return new ReplayStart(log.placeAt(from.getTime()) - 1)
  if (typeof from === 'object') return lastOfAll(log, wantingOf(request, linearMatcher), from.last)
  return new ReplayStart(Math.min(Math.max(from, log.first), log.end) - 1)
}

/** The newest wanted message of each topic: one with other headers hides none. */
async function newestOfEach(log: Log, wants: Wants): Promise<ReplayStart> {
  const after = log.end - 1
  const newest = new Map<string, number>()
  for await (const { first, heads } of log.backwards()) {
    for (let at = heads.length - 1; at >= 0; at -= 1) {
      const { topic = '', headers = noHeaders } = heads[at] ?? {}
      if (!newest.has(topic) && wants(topic, headers, first + at)) newest.set(topic, first + at)
    }
  }
  const places = [...newest.values()]
  return new ReplayStart(
    after,
    places.sort((a, b) => a - b),
  )
}

async function lastOfAll(log: Log, wants: Wants, count: number): Promise<ReplayStart> {
  let left = count
  for await (const { first, heads } of log.backwards()) {
    for (let at = heads.length - 1; at >= 0; at -= 1) {
      const { topic = '', headers = noHeaders } = heads[at] ?? {}
      if (!wants(topic, headers, first + at)) continue
      left -= 1
      if (left === 0) return new ReplayStart(first + at - 1)
    }
  }
  return new ReplayStart(log.first - 1)
}
