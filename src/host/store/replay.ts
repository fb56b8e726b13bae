import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import { wanting } from '../../broker/wanting.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
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
  if (from === 'last') return newestOfEach(log, wanting(request.pattern, linearMatcher))
  if (from instanceof Date) return new ReplayStart(log.placeAt(from.getTime()) - 1)
  if (typeof from === 'object') return lastOfAll(log, wanting(request.pattern, linearMatcher), from.last)
  return new ReplayStart(Math.min(Math.max(from, log.first), log.end) - 1)
}

async function newestOfEach(log: Log, wants: (topic: string) => boolean): Promise<ReplayStart> {
  const after = log.end - 1
  const newest = new Map<string, number | undefined>()
  for await (const { first, topics } of log.backwards()) {
    for (let at = topics.length - 1; at >= 0; at -= 1) {
      const topic = topics[at] ?? ''
      if (!newest.has(topic)) newest.set(topic, wants(topic) ? first + at : undefined)
    }
  }
  const places = [...newest.values()].filter(place => place !== undefined)
  return new ReplayStart(
    after,
    places.sort((a, b) => a - b),
  )
}

async function lastOfAll(log: Log, wants: (topic: string) => boolean, count: number): Promise<ReplayStart> {
  let left = count
  for await (const { first, topics } of log.backwards()) {
    for (let at = topics.length - 1; at >= 0; at -= 1) {
      if (!wants(topics[at] ?? '')) continue
      left -= 1
      if (left === 0) return new ReplayStart(first + at - 1)
    }
  }
  return new ReplayStart(log.first - 1)
}
