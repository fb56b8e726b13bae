import { isUtf8 } from 'node:buffer'
import { readFileSync } from 'node:fs'

/** Node's replacement for bytes of an argument that are not UTF-8. */
const REPLACEMENT = '\ufffd'

/**
 * The first argument whose bytes are not UTF-8: Node gives other text for it. Only Linux shows the bytes. Call it before
 * anything changes the command line that the system shows.
 *
 * @returns its number, from 1; undefined if there is none, or it cannot be known
 */
export function notUtf8(argv: readonly string[] = process.argv): number | undefined {
  if (!argv.some(word => word.includes(REPLACEMENT))) return undefined
  try {
    const bytes = readFileSync('/proc/self/cmdline')
    const words = wordsOf(bytes).slice(-(argv.length - 2))
    const at = words.findIndex(word => !isUtf8(word))
    return at < 0 ? undefined : at + 1
  } catch {
    return undefined
  }
}

/** Each ends with a zero. */
function wordsOf(bytes: Buffer): Buffer[] {
  const words: Buffer[] = []
  for (let from = 0, to; (to = bytes.indexOf(0, from)) >= 0; from = to + 1)
    words.push(bytes.subarray(from, to))
  return words
}
