import { anchored, escaped, levelsOf, wrongLevel } from './level-pattern.js'

/**
 * Makes a pattern of a NATS subject. Dots separate its tokens. `*` stands for one token of at least one character. `>`,
 * as the last token, stands for the rest: one character or more, dots included. Everything else stands for itself.
 *
 * The result is a RegExp of whole topics, which hosts match in linear time.
 *
 * @throws InvalidPatternError for an empty token, a `>` before the end, a `*` or `>` beside other characters, and a text
 * that is too long (the RegExp takes at most 512 bytes)
 * @example
 * bus.topic(wildcard('orders.*.created')).subscribe(message => console.log(message.topic))
 * bus.topic(wildcard('orders.>')).subscribe(message => console.log(message.topic))
 */
export function wildcard(subject: string): RegExp {
  const tokens = levelsOf('wildcard', subject, '.')
  const sources = tokens.map((token, at) => sourceOf(token, subject, at === tokens.length - 1))
  return anchored('wildcard', sources.join('\\.'))
}

function sourceOf(token: string, subject: string, isLast: boolean): string {
  if (token === '*') return '[^.]+'
  if (token === '>') {
    if (isLast) return '.+'
    throw wrongLevel('wildcard', subject, '> stands for the rest, so it is the last token.')
  }
  if (token === '')
    throw wrongLevel('wildcard', subject, 'a token is empty. Give one character or more between two dots.')
  if (/[*>]/.test(token))
    throw wrongLevel(
      'wildcard',
      subject,
      '* and > stand for whole tokens, so no other character is beside them. For a part of a token give a RegExp.',
    )
  return escaped(token)
}
