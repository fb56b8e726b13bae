const surrogate = /\p{Surrogate}/u
const { isWellFormed } = String.prototype as { isWellFormed?: (this: string) => boolean }

/**
 * Whether UTF-8 can express it: a text with half a surrogate pair would arrive as another text, and two such texts as
 * the same one. Takes a few nanoseconds where the engine has `isWellFormed` (ES2024).
 */
export const isUtf8: (text: string) => boolean =
  isWellFormed === undefined ? text => !surrogate.test(text) : text => isWellFormed.call(text)
