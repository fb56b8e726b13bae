import { withoutPosition } from '../pattern.js'

/** The names of the groups in a RegExp. */
export function groupNames(pattern: RegExp | string): string[] {
  if (typeof pattern === 'string') return []
  const { source, flags } = withoutPosition(pattern)
  // The empty alternative comes first, so that the pattern itself is not tried: a stranger's may take for ever.
  return Object.keys(new RegExp(`|${source}`, flags).exec('')?.groups ?? {})
}
