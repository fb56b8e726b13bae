import { open, rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ensureHome, statePaths } from '../../state/paths.js'
import { writePrivate } from '../../state/private-file.js'
import { codeOf, describe, ForbiddenError, InvalidOptionError, NotFoundError } from '../../errors.js'
import { mayLoad } from '../../host/rights/call-rights.js'
import {
  FLAG_RIGHTS,
  ROOT_RIGHTS,
  ruleRights,
  type Credential,
  type FlagRight,
  type PrincipalDefinition,
  type RootRight,
  type RuleRight,
} from '../../host/rights/definition.js'
import { LIMITS, limitNames } from '../../host/limits/definition.js'
import { CredentialFiles } from '../../host/rights/credentials/credential-files.js'
import { Denials } from '../../host/rights/denials.js'
import { Principal } from '../../host/rights/principal.js'
import { addPrincipal, revokeCredentials, type AddedRights } from '../../host/rights/principals-edit.js'
import { readPrincipals } from '../../host/rights/principals-file.js'
import { readVersion } from '../../host/rights/credentials/guarded-file.js'
import { monotonicScheduler } from '../../broker/clock/monotonic-scheduler.js'
import { Timers } from '../../broker/clock/timers.js'
import type { Cli } from '../cli.js'
import { Exit } from '../exit.js'

const LOCK_WAIT_MS = 15_000
const LOCK_STALE_MS = 5_000
const LOCK_LOOK_MS = 20

/** The rights of `add`, by their options. */
export type RightOptions = Readonly<
  Partial<Record<RuleRight | RootRight | 'enter' | 'limit', string[]>> &
    Partial<Record<FlagRight, boolean>> & { readonly over?: string }
>

export async function listPrincipals(
  cli: Cli,
  path: string | undefined,
  only: string | undefined,
  isJson: boolean,
): Promise<number> {
  const all = await definitions(fileOf(path))
  const shown = [...all.values()].filter(({ name }) => only === undefined || name === only)
  for (const each of shown)
    await (isJson ? cli.output.json(JSON.stringify(outlineOf(each))) : cli.output.lines(linesOf(each)))
  if (shown.length > 0) return Exit.Done
  if (only !== undefined) return cli.fail(unknown(only))
  cli.talk('the file has no principals')
  return Exit.Done
}

export async function checkPrincipal(
  cli: Cli,
  path: string | undefined,
  name: string,
  right: string,
  text: string | undefined,
): Promise<number> {
  const definition = (await definitions(fileOf(path))).get(name)
  if (definition === undefined) {
    return cli.fail(unknown(name))
  }
  const principal = new Principal(definition, new Denials(() => undefined), new Timers(monotonicScheduler))
  const may = await allows(principal, right, text)
  const what = text === undefined ? right : `${right} ${JSON.stringify(text)}`
  await cli.output.line(`${may ? 'yes' : 'no'}: ${name} ${may ? 'has' : 'lacks'} the right ${what}`)
  return may ? Exit.Done : Exit.Error
}

/** What `add` adds. */
export interface Added {
  readonly rights: RightOptions
  /** As the file has it. Undefined: a new token. */
  readonly credential: object | undefined
  readonly expires: string | undefined
}

export async function add(
  cli: Cli,
  path: string | undefined,
  name: string,
  { rights, credential, expires }: Added,
  isJson: boolean,
): Promise<number> {
  const file = fileOf(path)
  const { token, id } = await edit(file, async text => {
    const isNew = text === undefined || !readPrincipals(text, file).has(name)
    const made = await addPrincipal(text, file, name, rightsOf(rights, isNew), { credential, expires })
    // What the host would refuse is not written.
    await CredentialFiles.of(readPrincipals(made.text, file).values())
    return made
  })
  if (isJson) await cli.output.json(JSON.stringify({ token, id }))
  else if (token === undefined) cli.talk(`${name} has a new credential (id ${id}) in ${file}`)
  else {
    cli.talk(`${name} has a new token (id ${id}) in ${file}`)
    await cli.output.line(token)
  }
  return Exit.Done
}

export async function revoke(
  cli: Cli,
  path: string | undefined,
  name: string,
  id: string | undefined,
  isJson: boolean,
): Promise<number> {
  const file = fileOf(path)
  const { revoked } = await edit(file, text => {
    const made = text === undefined ? undefined : revokeCredentials(text, file, name, id)
    if (made === undefined) throw new InvalidOptionError(`${file} has no principal ${JSON.stringify(name)}.`)
    return Promise.resolve(made)
  })
  if (isJson) await cli.output.json(JSON.stringify({ revoked }))
  else if (id === undefined || revoked > 0) cli.talk(`revoked: ${revoked}`)
  // A user who names a token expects it to exist.
  if (id === undefined || revoked > 0) return Exit.Done
  return cli.fail(new NotFoundError(`there is no token, certificate or JWT ${JSON.stringify(id)} of ${name}`))
}

function fileOf(path: string | undefined): string {
  const given = path ?? process.env['MSGVAN_PRINCIPALS']
  return given === undefined || given === '' ? statePaths().principals : resolve(given)
}

async function definitions(file: string): Promise<ReadonlyMap<string, PrincipalDefinition>> {
  return readPrincipals((await readVersion(file)).text, file)
}

/** Changes the file as a whole, and one command at a time. */
async function edit<Made extends { readonly text: string }>(
  file: string,
  change: (text: string | undefined) => Promise<Made>,
): Promise<Made> {
  if (file === statePaths().principals) await ensureHome(statePaths().home)
  const release = await lock(`${file}.lock`)
  try {
    const made = await change((await versionIfAny(file))?.text)
    await writePrivate(file, Buffer.from(made.text))
    return made
  } finally {
    await release()
  }
}

/** A lock that is older than an edit can take belongs to a command that was killed. */
async function lock(path: string): Promise<() => Promise<void>> {
  const until = performance.now() + LOCK_WAIT_MS
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close()
      return () => rm(path, { force: true })
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST' || performance.now() > until)
        throw new InvalidOptionError(`${path} cannot be made: ${describe(cause)}. Nothing was written.`, {
          cause,
        })
    }
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
    if (Date.now() - mtimeMs > LOCK_STALE_MS) await rm(path, { force: true })
    else await setTimeout(LOCK_LOOK_MS)
  }
}

async function versionIfAny(file: string): Promise<{ text: string; version: string } | undefined> {
  return readVersion(file).catch((error: unknown) => {
    if (error instanceof Error && codeOf(error.cause) === 'ENOENT') return undefined
    throw error
  })
}

function rightsOf({ enter, limit, over, ...options }: RightOptions, isNew: boolean): AddedRights {
  const vans = enter ?? (isNew ? ['default'] : undefined)
  const pick = <R extends RuleRight | RootRight | FlagRight>(rights: readonly R[]): Pick<RightOptions, R> =>
    Object.fromEntries(
      rights.flatMap(right => (options[right] === undefined ? [] : [[right, options[right]]])),
    ) as Pick<RightOptions, R>
  const roots = Object.fromEntries(
    Object.entries(pick(ROOT_RIGHTS)).map(([right, folders]) => [right, folders.map(each => resolve(each))]),
  )
  return {
    rules: { ...pick(ruleRights), ...(vans === undefined ? {} : { vans }) },
    roots,
    flags: pick(FLAG_RIGHTS),
    ...(limit === undefined && over === undefined ? {} : { limits: limitsOf(limit, over) }),
  }
}

/** Their names and values are checked with the file. @throws InvalidOptionError */
function limitsOf(limits: readonly string[] = [], over?: string): Record<string, number | string> {
  const read = limits.map(text => {
    const [, name = '', number] = /^(\w+)=(\d+)$/.exec(text) ?? []
    if (number === undefined)
      throw new InvalidOptionError(
        `--limit is a name and a number, such as publishes=100; this is ${JSON.stringify(text)}. Names are ${limitNames.join(', ')}.`,
      )
    return [name, Number(number)] as const
  })
  return { ...Object.fromEntries(read), ...(over === undefined ? {} : { over }) }
}

/** @throws InvalidOptionError for a right that does not exist, or without the text that it needs */
async function allows(principal: Principal, right: string, text: string | undefined): Promise<boolean> {
  const isFlag = FLAG_RIGHTS.find(each => each === right)
  if (isFlag !== undefined) return principal.has(isFlag)
  const known = ['vans', ...ruleRights, ...ROOT_RIGHTS].find(each => each === right)
  if (known === undefined)
    throw new InvalidOptionError(
      `${JSON.stringify(right)} is not a right. Rights are ${['vans', ...ruleRights, ...ROOT_RIGHTS, ...FLAG_RIGHTS].join(', ')}.`,
    )
  if (text === undefined) throw new InvalidOptionError(`Which? Name it: principals check NAME ${right} TEXT.`)
  if (right === 'publish') return principal.publishes(text)
  if (right === 'subscribe') return principal.sees(text)
  const root = ROOT_RIGHTS.find(each => each === right)
  if (root !== undefined) return mayLoadFrom(principal, root, text)
  return principal.allows(known as RuleRight | 'vans', text)
}

async function mayLoadFrom(principal: Principal, right: RootRight, module: string): Promise<boolean> {
  try {
    await mayLoad(principal, right, resolve(module))
    return true
  } catch (error) {
    if (error instanceof ForbiddenError) return false
    throw error
  }
}

function unknown(name: string): NotFoundError {
  return new NotFoundError(`the file has no principal ${JSON.stringify(name)}`)
}

function outlineOf({ name, credentials, vans, rules, roots, flags, limits }: PrincipalDefinition): object {
  const of = (kind: Credential['kind']): object[] =>
    credentials
      .filter(each => each.kind === kind)
      .map(each => ({ id: each.id, ...shownOf(each), expires: timeOf(each.expires) ?? null }))
  const kinds = { tokens: of('token'), certificates: of('certificate'), jwts: of('jwt') }
  return { name, ...kinds, vans, ...rules, ...roots, ...flags, ...(limits === undefined ? {} : { limits }) }
}

function linesOf({
  name,
  credentials,
  vans,
  rules,
  roots,
  flags,
  limits = { over: 'wait' },
}: PrincipalDefinition): string[] {
  const lists = Object.entries({ vans, ...rules }).flatMap(([right, { allow, deny }]) => [
    ...(allow.length === 0 ? [] : [`  ${right}: ${allow.join('  ')}`]),
    ...(deny.length === 0 ? [] : [`  ${right}, denied: ${deny.join('  ')}`]),
  ])
  const folders = ROOT_RIGHTS.flatMap(right =>
    roots[right] === undefined ? [] : [`  ${right}: ${roots[right].join('  ') || 'those that run'}`],
  )
  const given = FLAG_RIGHTS.filter(right => flags[right]).map(right => `  ${right}`)
  const most = limitNames.flatMap(limit => {
    const number = limits[limit]
    return number === undefined ? [] : [`  at most ${number} ${LIMITS[limit]}`]
  })
  if (limits.over === 'refuse') most.push('  publishes over a limit are refused')
  const tokens = credentials.map(each => {
    const shown = Object.values(shownOf(each)).join(' ')
    return `  ${each.kind} ${each.id}${endOf(each.expires)}${shown === '' ? '' : `: ${shown}`}`
  })
  return [
    name,
    ...lists,
    ...folders,
    ...given,
    ...most,
    ...(tokens.length === 0 ? ['  no token, no certificate and no JWT'] : tokens),
  ]
}

/** What tells it from others, for people. */
function shownOf(credential: Credential): Readonly<Record<string, string>> {
  if (credential.kind === 'token') return {}
  if (credential.kind === 'jwt') {
    const { issuer, audience, keys, claims } = credential
    const wanted = claims.map(([name, value]) => `${name}=${value}`).join(' ')
    return { issuer, audience, keys, ...(wanted === '' ? {} : { claims: wanted }) }
  }
  const { fingerprint, subject = '', ca = '' } = credential
  return fingerprint === undefined ? { subject, ca } : { fingerprint }
}

function endOf(expires: number): string {
  const time = timeOf(expires)
  if (time === undefined) return ''
  return expires > Date.now() ? `, until ${time}` : `, expired ${time}`
}

function timeOf(expires: number): string | undefined {
  return expires === Infinity ? undefined : new Date(expires).toISOString()
}
