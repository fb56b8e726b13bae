import type { RuleLists, Sight } from '../../bus/contract/sight.js'
import { InvalidOptionError } from '../../errors.js'
import { MAX_PRINCIPAL_NAME } from '../principal-token.js'
import { Fields } from './fields.js'

/** The expressions of one sight, and their characters. A follower sends them with each subscription of a principal. */
export const MOST_SIGHT_RULES = 1_000
export const MOST_SIGHT_CHARACTERS = 32 * 1024

/** What a host sends of the rights of a principal to its leader. */
export function encodeSight({ owner, subscribe, deadLetters, hosts }: Sight): object {
  return { owner, subscribe: listsOf(subscribe), deadLetters: listsOf(deadLetters), hosts }
}

/** @throws InvalidOptionError */
export function decodeSight(value: unknown): Sight {
  const fields = new Fields(value, what => new InvalidOptionError(`The sight of a principal ${what}.`))
  const sight = {
    owner: fields.text('owner', MAX_PRINCIPAL_NAME),
    subscribe: readLists(fields.fields('subscribe')),
    deadLetters: readLists(fields.fields('deadLetters')),
    hosts: fields.flag('hosts'),
  }
  if (isTooLarge(sight)) throw new InvalidOptionError('The sight of a principal is too large.')
  return sight
}

/** It does not go to a leader. */
export function isTooLarge({ subscribe, deadLetters }: Sight): boolean {
  let rules = 0
  let characters = 0
  for (const lists of [subscribe, deadLetters])
    for (const rule of [...lists.allow, ...lists.deny]) {
      rules += 1
      characters += rule.length
    }
  return rules > MOST_SIGHT_RULES || characters > MOST_SIGHT_CHARACTERS
}

/** As values of their own: the rights of a principal change in place. */
function listsOf({ allow, deny }: RuleLists): object {
  return { allow: [...allow], deny: [...deny] }
}

function readLists(fields: Fields): RuleLists {
  const texts = (key: string): string[] =>
    fields
      .list(key, MOST_SIGHT_RULES)
      .map(rule => new Fields({ rule }, strange).text('rule', MOST_SIGHT_CHARACTERS))
  return { allow: texts('allow'), deny: texts('deny') }
}

function strange(what: string): InvalidOptionError {
  return new InvalidOptionError(`The sight of a principal ${what}.`)
}
