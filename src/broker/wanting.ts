import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import type { Headers } from '../message/envelope.js'
import { MatchInLog } from './durable/match-in-log.js'
import type { Matcher } from '../message/pattern.js'

/** Few topics come again and again; of an endless number it remembers this many. */
const TOPICS_REMEMBERED = 10_000

/** Whether a message in a log is wanted. @param at its place */
export type Wants = (topic: string, headers: Headers, at: number) => boolean

/** Whether a request wants a message that is read from a log. */
export function wantingOf(
  request: Pick<SubscriptionRequest, 'pattern' | 'match' | 'earlierMatches'>,
  compile: (pattern: RegExp) => Matcher,
  match = new MatchInLog(request),
): Wants {
  const wants = wanting(request.pattern, compile)
  return (topic, headers, at) => wants(topic) && match.wants(headers, at)
}

/** Whether a pattern wants a topic that is read from a log. Compiled when the first topic comes. */
function wanting(
  pattern: RegExp | string,
  compile: (pattern: RegExp) => Matcher,
): (topic: string) => boolean {
  if (typeof pattern === 'string') return topic => topic === pattern
  let matcher: Matcher | undefined
  const known = new Map<string, boolean>()
  return topic => {
    const before = known.get(topic)
    if (before !== undefined) return before
    matcher ??= compile(pattern)
    const isWanted = matcher.test(topic)
    if (known.size >= TOPICS_REMEMBERED) known.clear()
    known.set(topic, isWanted)
    return isWanted
  }
}
