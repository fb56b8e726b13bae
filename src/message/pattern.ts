import { InvalidPatternError } from '../errors.js'
import { checkTopic, isRequest, REQUESTS } from './topic.js'
import { isUtf8 } from './well-formed.js'

/** Decides whether a topic matches: `RegExp.test` without its state. */
export interface Matcher {
  test(topic: string): boolean
  /** Reads a named group of the first match. Default: the pattern is a RegExp, and does it itself. */
  group?(name: string): (topic: string) => string | undefined
}

/** A pattern is a RegExp, or a string: the one exact topic, system topics included. */
export function checkPattern(pattern: unknown): asserts pattern is RegExp | string {
  if (typeof pattern === 'string') {
    try {
      checkTopic(pattern)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : ''
      throw new InvalidPatternError(
        `A string pattern is the one exact topic, and this is not a topic: ${why}`,
        {
          cause,
        },
      )
    }
    return
  }
  if (!isRegExp(pattern)) {
    const what = pattern === null ? 'null' : typeof pattern
    throw new InvalidPatternError(
      `A pattern is a RegExp, or a string for one exact topic; this is ${what}. Give, for example, /^orders\\./.`,
    )
  }
  if (!isUtf8(pattern.source)) {
    throw new InvalidPatternError(
      'The pattern has half a surrogate pair in it, which no topic has and UTF-8 cannot carry. Write it as an escape, such as \\ud83d.',
    )
  }
}

/** By tag too: `instanceof` fails for a RegExp from another realm (a vm context, an iframe). */
function isRegExp(value: unknown): value is RegExp {
  return value instanceof RegExp || Object.prototype.toString.call(value) === '[object RegExp]'
}

/** In the usual notation: `/source/flags`, or the exact topic. */
export function describePattern(pattern: RegExp | string): string {
  return typeof pattern === 'string' ? pattern : `/${pattern.source}/${pattern.flags}`
}

/**
 * A RegExp's meaning for matching, as text: equal for patterns that match the same. `d`, `g` and `y` change nothing
 * here. Without flags it is the source itself, which takes no memory of its own; a source never has a plain `/` behind
 * letters.
 */
export function patternKey({ source, flags }: RegExp): string {
  const telling = flags === '' ? flags : flags.replace(/[dgy]/g, '')
  return telling === '' ? source : `${telling}/${source}`
}

/** Whether both match the same topics because their text is the same; `g` and `y` are ignored, as everywhere. */
export function samePattern(a: RegExp | string, b: RegExp | string): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b
  return patternKey(a) === patternKey(b)
}

/** The same pattern without `g` and `y`, which tie a RegExp to its `lastIndex`; the same object if it has neither. */
export function withoutPosition(pattern: RegExp): RegExp {
  if (!pattern.global && !pattern.sticky) return pattern
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
}

/** Only a pattern that begins with `^\$` matches topics that begin with `$`. */
export function reachesSystemTopics(pattern: RegExp): boolean {
  return pattern.source.startsWith('^\\$')
}

/** The source of a responder's RegExp begins with it. The pattern table takes it off, and matches a request's own topic. */
const OF_REQUESTS = '^\\$request\\/(?:'

/** The pattern of the subscription whose consumer answers requests with matching topics. */
export function requestPattern(pattern: RegExp | string): RegExp | string {
  if (typeof pattern === 'string') return REQUESTS + pattern
  return new RegExp(`${OF_REQUESTS}${pattern.source})`, pattern.flags)
}

export function isRequestPattern(pattern: RegExp | string): boolean {
  return typeof pattern === 'string' ? isRequest(pattern) : pattern.source.startsWith(OF_REQUESTS)
}

/** @returns the responder's own pattern; undefined for a pattern of other messages */
export function respondersPattern(pattern: RegExp | string): RegExp | string | undefined {
  if (!isRequestPattern(pattern)) return undefined
  if (typeof pattern === 'string') return pattern.slice(REQUESTS.length)
  const { source, flags } = pattern
  // A stranger's may be anything behind the prefix: one that is no RegExp by itself stays as it is.
  try {
    return new RegExp(source.slice(OF_REQUESTS.length, -1), flags)
  } catch {
    return undefined
  }
}

/**
 * The app's own RegExp semantics. It refuses a RegExp that the engine cannot compile here, not at the first publish.
 */
export function nativeMatcher(pattern: RegExp): Matcher {
  const native = withoutPosition(pattern)
  // V8 compiles at first use, and only then finds it "too large". A short source is never too large.
  if (native.source.length > 1000) {
    try {
      native.test('')
    } catch (cause) {
      throw new InvalidPatternError(
        `${describePattern(pattern).slice(0, 100)} cannot be compiled. Make it smaller.`,
        { cause },
      )
    }
  }
  return native
}
