import { isAbsolute } from 'node:path'
import type { RuleLists } from '../../bus/contract/sight.js'
import { describe, InvalidOptionError } from '../../errors.js'
import { PRINCIPAL_NAME } from '../../wire/principal-token.js'
import {
  FLAG_RIGHTS,
  ROOT_RIGHTS,
  ruleRights,
  type PrincipalDefinition,
  type RuleRight,
} from './definition.js'
import { LIMITS, limitNames, OVER, type PrincipalLimits } from '../limits/definition.js'
import { readCredential } from './credentials/read-credential.js'
import { JsonFault, membersOf, readJson, type Located } from './located-json.js'
import { noLists, wholeMatcher } from './text-rule.js'

/** Far more than a file that people keep. */
const MOST_PRINCIPALS = 10_000
const MOST_ENTRIES = 1_000

/**
 * Reads a file of principals. It is refused whole: a host never has half of its rights.
 *
 * @throws InvalidOptionError with the file and the line
 */
export function readPrincipals(text: string, file: string): ReadonlyMap<string, PrincipalDefinition> {
  try {
    const members = membersOf(readJson(text), 'The file', ['principals'])
    const all = members.get('principals')
    if (all === undefined) throw new JsonFault(1, 'it has no "principals"')
    const named = membersOf(all, '"principals"')
    if (named.size > MOST_PRINCIPALS)
      throw new JsonFault(all.line, `it has over ${MOST_PRINCIPALS} principals`)
    return new Map([...named].map(([name, each]) => [name, principalOf(name, each)]))
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    throw new InvalidOptionError(`${file}, line ${error.line}: ${error.message}.`, { cause: error })
  }
}

const KEYS = ['credentials', 'vans', ...ruleRights, ...ROOT_RIGHTS, ...FLAG_RIGHTS, 'limits']

function principalOf(name: string, located: Located): PrincipalDefinition {
  if (!PRINCIPAL_NAME.test(name))
    throw new JsonFault(
      located.line,
      `a principal's name has 1 to 64 letters, digits and _ . @ -, and begins with a letter or a digit; this is ${JSON.stringify(name)}`,
    )
  const members = membersOf(located, name, KEYS)
  const rule = (right: string): RuleLists => ruleOf(members.get(right), right)
  const credentials = members.get('credentials')
  return {
    name,
    credentials: credentials === undefined ? [] : listOf(credentials, 'credentials').map(readCredential),
    vans: rule('vans'),
    rules: Object.fromEntries(ruleRights.map(right => [right, rule(right)])) as Record<RuleRight, RuleLists>,
    roots: {
      actors: rootsOf(members.get('actors'), 'actors'),
      handlers: rootsOf(members.get('handlers'), 'handlers'),
    },
    flags: { join: flagOf(members.get('join'), 'join'), admin: flagOf(members.get('admin'), 'admin') },
    limits: limitsOf(members.get('limits')),
  }
}

/** A list, which allows, or an object with the lists `allow` and `deny`. */
function ruleOf(located: Located | undefined, right: string): RuleLists {
  if (located === undefined) return noLists
  if (!(located.value instanceof Map)) return { allow: patternsOf(located, right), deny: [] }
  const members = membersOf(located, `"${right}"`, ['allow', 'deny'])
  const [allow, deny] = [members.get('allow'), members.get('deny')]
  return {
    allow: allow === undefined ? [] : patternsOf(allow, `${right}.allow`),
    deny: deny === undefined ? [] : patternsOf(deny, `${right}.deny`),
  }
}

function patternsOf(located: Located, what: string): string[] {
  return listOf(located, what).map(({ line, value }) => {
    if (typeof value !== 'string')
      throw new JsonFault(line, `"${what}" is a list of regular expressions in quotes`)
    try {
      wholeMatcher(value)
    } catch (error) {
      throw new JsonFault(line, `"${what}": ${describe(error)}`)
    }
    return value
  })
}

function rootsOf(located: Located | undefined, what: string): readonly string[] | undefined {
  if (located === undefined) return undefined
  return listOf(located, what).map(({ line, value }) => {
    if (typeof value === 'string' && isAbsolute(value)) return value
    throw new JsonFault(line, `"${what}" is a list of absolute folders`)
  })
}

function flagOf(located: Located | undefined, what: string): boolean {
  if (located === undefined) return false
  if (typeof located.value === 'boolean') return located.value
  throw new JsonFault(located.line, `"${what}" is true or false`)
}

function limitsOf(located: Located | undefined): PrincipalLimits | undefined {
  if (located === undefined) return undefined
  const members = membersOf(located, '"limits"', [...limitNames, 'over'])
  const over = members.get('over')
  const found = OVER.find(each => each === over?.value)
  if (over !== undefined && found === undefined)
    throw new JsonFault(over.line, `"over" is one of ${OVER.map(each => JSON.stringify(each)).join(', ')}`)
  const limits = limitNames.flatMap(name => {
    const limit = members.get(name)
    if (limit === undefined) return []
    // Of a rate, less than one would let nothing out for long.
    if (typeof limit.value === 'number' && Number.isSafeInteger(limit.value) && limit.value >= 1)
      return [[name, limit.value] as const]
    throw new JsonFault(limit.line, `"${name}" is a whole number of ${LIMITS[name]}, 1 or more`)
  })
  return { ...Object.fromEntries(limits), over: found ?? 'wait' }
}

function listOf({ line, value }: Located, what: string): readonly Located[] {
  if (!Array.isArray(value)) throw new JsonFault(line, `"${what}" is a list`)
  const list = value as readonly Located[]
  if (list.length > MOST_ENTRIES) throw new JsonFault(line, `"${what}" has over ${MOST_ENTRIES} entries`)
  return list
}
