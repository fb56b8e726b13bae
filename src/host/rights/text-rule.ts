import { linearMatcher } from '../../broker/patterns/linear/linear-matcher.js'
import type { RuleLists } from '../../bus/contract/sight.js'
import type { Matcher } from '../../message/pattern.js'

export const noLists: RuleLists = Object.freeze({ allow: Object.freeze([]), deny: Object.freeze([]) })

/** Decides whether a topic or a name is allowed. An expression matches the whole text, and `deny` wins. */
export class TextRule {
  readonly #allow: readonly Matcher[]
  readonly #deny: readonly Matcher[]

  /** @throws InvalidPatternError */
  constructor({ allow, deny }: RuleLists) {
    this.#allow = allow.map(wholeMatcher)
    this.#deny = deny.map(wholeMatcher)
  }

  /** Nothing is allowed. */
  get isEmpty(): boolean {
    return this.#allow.length === 0
  }

  allows(text: string): boolean {
    const matches = (matcher: Matcher): boolean => matcher.test(text)
    return this.#allow.some(matches) && !this.#deny.some(matches)
  }
}

/**
 * Matches the whole text in linear time. A `.` stands for any character, line breaks included: with one in its topic, nothing slips by a
 * denial.
 *
 * @throws InvalidPatternError
 */
export function wholeMatcher(source: string): Matcher {
  // Alone first: `a)|(b` is not an expression, but would be one inside the group.
  linearMatcher(new RegExp(source, 'su'))
  return linearMatcher(new RegExp(`^(?:${source})$`, 'su'))
}
