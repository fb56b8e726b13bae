import { InvalidOptionError } from '../../errors.js'
import { newPrincipalToken, PRINCIPAL_NAME, readPrincipalToken } from '../../wire/principal-token.js'
import { storedToken } from '../../wire/scram.js'
import { ruleRights, ROOT_RIGHTS, type FlagRight, type RootRight, type RuleRight } from './definition.js'
import { readPrincipals } from './principals-file.js'

/** Rights to add to those of a principal. */
export interface AddedRights {
  readonly rules?: Readonly<Partial<Record<RuleRight | 'vans', readonly string[]>>>
  readonly roots?: Readonly<Partial<Record<RootRight, readonly string[]>>>
  readonly flags?: Readonly<Partial<Record<FlagRight, boolean>>>
  /** They replace those of the same names. */
  readonly limits?: Readonly<Record<string, number | string>>
}

export interface AddedPrincipal {
  /** The whole new file. */
  readonly text: string
  /** The only copy. Undefined: another credential was given. */
  readonly token: string | undefined
  /** The id of the credential. */
  readonly id: string
}

/** As the file has it. */
export interface GivenCredential {
  /** A certificate or a JWT. Default: a new token. */
  readonly credential?: object | undefined
  readonly expires?: string | undefined
}

type Entry = Record<string, unknown>

/** A token of a principal, and the credential that the file keeps of it. */
export interface NewToken {
  readonly token: string
  readonly credential: Readonly<Record<'token' | 'salt' | 'storedKey' | 'serverKey', string>>
}

/** @throws InvalidOptionError if that is not a principal's name */
export async function newToken(name: string): Promise<NewToken> {
  if (!PRINCIPAL_NAME.test(name))
    throw new InvalidOptionError(
      `A principal's name has 1 to 64 letters, digits and _ . @ -, and begins with a letter or a digit; this is ${JSON.stringify(name)}.`,
    )
  const token = newPrincipalToken(name)
  const read = readPrincipalToken(token)
  if (read === undefined) throw new InvalidOptionError(`${JSON.stringify(name)} cannot have a token.`)
  const { id, ...stored } = await storedToken(read)
  return { token, credential: { token: id, ...stored } }
}

/**
 * Adds a principal, or a token and rights to one that is there. Everything else in the file stays.
 *
 * @param text the file; undefined if there is none yet
 * @param given a credential in place of a token, and the expiry, as the file has them
 * @throws InvalidOptionError with the line, if the file or an added right is wrong
 */
export async function addPrincipal(
  text: string | undefined,
  file: string,
  name: string,
  rights: AddedRights,
  { credential, expires }: GivenCredential = {},
): Promise<AddedPrincipal> {
  const made = credential === undefined ? await newToken(name) : undefined
  const principals = entriesOf(text, file)
  const entry = entryOf(principals, name) ?? {}
  const until = expires === undefined ? {} : { expires }
  const credentials = [...listOf(entry['credentials']), { ...(credential ?? made?.credential), ...until }]
  set(principals, name, withRights({ ...entry, credentials }, rights))
  const whole = checked(principals, file)
  const added = readPrincipals(whole, file).get(name)?.credentials.at(-1)
  return { text: whole, token: made?.token, id: added?.id ?? '' }
}

/**
 * Takes credentials from a principal, which keeps its rights.
 *
 * @param id of one. Default: all of them
 * @returns the whole new file and how many are revoked; undefined if the principal is not in the file
 */
export function revokeCredentials(
  text: string,
  file: string,
  name: string,
  id?: string,
): { readonly text: string; readonly revoked: number } | undefined {
  const principals = entriesOf(text, file)
  const entry = entryOf(principals, name)
  if (entry === undefined) return undefined
  const before = listOf(entry['credentials'])
  const ids =
    readPrincipals(text, file)
      .get(name)
      ?.credentials.map(each => each.id) ?? []
  const credentials = before.filter((_, at) => id !== undefined && ids[at] !== id)
  set(principals, name, { ...entry, credentials })
  return { text: checked(principals, file), revoked: before.length - credentials.length }
}

/** The principals by name. They have no prototype: a principal may be named `constructor`. */
function entriesOf(text: string | undefined, file: string): Entry {
  const none: unknown = Object.create(null)
  const entries = none as Entry
  if (text === undefined) return entries
  readPrincipals(text, file)
  const { principals } = JSON.parse(text) as { principals: Entry }
  for (const [name, entry] of Object.entries(principals)) set(entries, name, entry)
  return entries
}

function entryOf(principals: Entry, name: string): Entry | undefined {
  return Object.hasOwn(principals, name) ? (principals[name] as Entry) : undefined
}

function set(principals: Entry, name: string, value: unknown): void {
  Object.defineProperty(principals, name, { value, enumerable: true, configurable: true, writable: true })
}

function withRights(entry: Entry, { rules = {}, roots = {}, flags = {}, limits }: AddedRights): Entry {
  const made = { ...entry }
  for (const right of ['vans', ...ruleRights] as const) {
    const added = rules[right]
    if (added !== undefined) made[right] = withPatterns(made[right], added)
  }
  for (const right of ROOT_RIGHTS) {
    const added = roots[right]
    if (added !== undefined) made[right] = union(listOf(made[right]), added)
  }
  if (limits !== undefined) made['limits'] = { ...(made['limits'] as Entry | undefined), ...limits }
  return { ...made, ...flags }
}

/** A right is a list, or an object with the lists `allow` and `deny`. */
function withPatterns(right: unknown, added: readonly string[]): unknown {
  if (right === undefined || Array.isArray(right)) return union(listOf(right), added)
  const lists = right as Entry
  return { ...lists, allow: union(listOf(lists['allow']), added) }
}

function union(list: readonly unknown[], added: readonly string[]): unknown[] {
  return [...new Set([...list, ...added])]
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : []
}

/** The host reads the file as this does: a file that it would refuse is never written. */
function checked(principals: Entry, file: string): string {
  const text = `${JSON.stringify({ principals }, undefined, 2)}\n`
  readPrincipals(text, file)
  return text
}
