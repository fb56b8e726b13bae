import { describe, InvalidPatternError } from '../../errors.js'
import { checkPattern } from '../../message/pattern.js'

/** @throws InvalidPatternError */
export function givenTopic(topic: string): string {
  checkPattern(topic)
  return topic
}

/** @throws InvalidPatternError */
export function givenRegExp(source: string): RegExp {
  try {
    return new RegExp(source)
  } catch (error) {
    throw new InvalidPatternError(
      `${JSON.stringify(source)} is not a regular expression: ${describe(error)}`,
      {
        cause: error,
      },
    )
  }
}
