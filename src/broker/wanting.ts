import type { Matcher } from '../message/pattern.js'

/** Few topics come again and again; of an endless number it remembers this many. */
const TOPICS_REMEMBERED = 10_000

/** Whether a pattern wants a topic that is read from a log. Compiled when the first topic comes. */
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
