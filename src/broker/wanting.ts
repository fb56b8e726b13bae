import type { Matcher } from '../message/pattern.js'

/** Few topics come again and again; of those that never end, so many are remembered. */
const TOPICS_REMEMBERED = 10_000

/** Says of each topic that is read from a log whether a pattern wants it. Compiled when the first one is asked about. */
export function wanting(
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
