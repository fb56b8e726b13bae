import type { Envelope } from '../envelope.js'
import { withoutPosition, type Matcher } from '../pattern.js'
import { keyIn } from './key.js'
import { parts, type Ordered } from './ordered.js'

/** The key of a message for one subscription; undefined: the message is in no order. An empty text is no key. */
export type KeyReader = (envelope: Envelope) => string | undefined

/** Topics whose group is remembered. */
const TOPICS_REMEMBERED = 10_000

/**
 * Reads the keys of a subscription.
 *
 * @param compile makes the matcher of the pattern: a host reads groups in linear time
 * @returns undefined if the subscription is not ordered by key
 */
export function keyReader(
  ordered: Ordered,
  pattern: RegExp | string,
  compile: (pattern: RegExp) => Matcher,
): KeyReader | undefined {
  if (typeof ordered === 'boolean') return undefined
  if (ordered === 'key') return ({ headers }) => keyIn(headers)
  const [by, name] = parts(ordered)
  if (by === 'header') {
    // A header may have the name of a method.
    return ({ headers }) => (Object.hasOwn(headers, name) ? headers[name] || undefined : undefined)
  }
  if (typeof pattern === 'string') return () => undefined
  return remembering(compile(pattern).group?.(name) ?? nativeGroup(withoutPosition(pattern), name))
}

function nativeGroup(pattern: RegExp, name: string): (topic: string) => string | undefined {
  return topic => pattern.exec(topic)?.groups?.[name]
}

/** Few topics come again and again. */
function remembering(groupOf: (topic: string) => string | undefined): KeyReader {
  const known = new Map<string, string | undefined>()
  return ({ topic }) => {
    const before = known.get(topic)
    if (before !== undefined || known.has(topic)) return before
    const key = groupOf(topic) || undefined
    if (known.size >= TOPICS_REMEMBERED) known.clear()
    known.set(topic, key)
    return key
  }
}
