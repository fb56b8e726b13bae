import type { KeptActor } from '../actors/kept-actor.js'
import { readFile, rename, writeFile } from 'node:fs/promises'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import { decodePayload, encodePayload } from '../../codec/payload.js'
import { describe, InvalidOptionError } from '../../errors.js'
import { decodeRequest, encodeRequest } from '../../wire/frames/subscription-request.js'
import type { Actors } from '../actors/actors.js'
import type { HandlerRequest, Handlers } from './handlers.js'
import { Fields } from '../../wire/frames/fields.js'
import { outlivesHost, type NamedRequest } from '../van/names-file.js'
import type { HostServer } from '../listen/server.js'

/** The registrations of a host, for the next one. One msgvan writes them and another reads them: plain values. */
export interface Registrations {
  readonly subscriptions: readonly { van: string; request: unknown; actor?: string }[]
  readonly handlers: readonly (Omit<HandlerRequest, 'request'> & { request: unknown })[]
  readonly actors: readonly KeptActor[]
  /** Its capabilities, whichever caller gave them: its actors require them. */
  readonly capabilities?: CapabilityValues
}

export function registrationsOf(
  server: HostServer,
  handlers: Handlers,
  actors: Actors,
  capabilities: CapabilityValues,
): Registrations {
  return {
    capabilities,
    subscriptions: server.vans.flatMap(van =>
      server
        .broker(van)
        .named()
        .filter(request => outlivesHost(request.name, request))
        .map(request => {
          const actor = actors.subscriberOf(van, request.name)
          return { van, request: encodeRequest(request), ...(actor === undefined ? {} : { actor }) }
        }),
    ),
    handlers: handlers.registered().map(wanted => ({ ...wanted, request: encodeRequest(wanted.request) })),
    actors: actors.registered(),
  }
}

export async function writeRegistrations(file: string, registrations: unknown): Promise<void> {
  await writeFile(file, encodePayload(registrations), { mode: 0o600 })
}

/**
 * The registrations of the previous host. Undefined if there are none. A file that cannot be used is set aside, and logged.
 */
export async function readRegistrations(
  file: string,
  warn: (text: string) => void,
): Promise<Registrations | undefined> {
  const bytes = await readFile(file).catch(() => undefined)
  if (bytes === undefined) return undefined
  try {
    return usable(decodePayload(bytes))
  } catch (error) {
    await rename(file, `${file}.damaged`).catch(() => undefined)
    warn(
      `handlers and actors of the previous host do not start again: ${describe(error)} See ${file}.damaged`,
    )
    return undefined
  }
}

/**
 * Lists are lists: each record in them is checked where it is used.
 *
 * @throws InvalidOptionError
 */
function usable(kept: unknown): Registrations {
  const fields = new Fields(
    kept,
    what => new InvalidOptionError(`The registrations of the previous host: this ${what}.`),
  )
  for (const list of ['subscriptions', 'handlers', 'actors'])
    if (!Array.isArray(fields.get(list)))
      throw new InvalidOptionError(`The registrations of the previous host have no list of ${list}.`)
  return kept as Registrations
}

/** Opens queues at once, so that messages find them. */
export function openSubscriptions(
  server: HostServer,
  { subscriptions }: Registrations,
  warn: (text: string) => void,
): void {
  // A follower's names are at its leader.
  if (server.backbone.isFollower) return
  eachUsable(subscriptions, warn, ({ van, request }) => server.broker(van).replace(request))
}

/** Goes through the named ones. It logs one that cannot be used, and goes on. */
export function eachUsable(
  subscriptions: Registrations['subscriptions'],
  warn: (text: string) => void,
  take: (subscription: { readonly van: string; readonly request: NamedRequest }) => void,
): void {
  for (const { van, request: kept } of subscriptions) {
    let name: string | undefined
    try {
      const request = decodeRequest(kept)
      name = request.name
      if (name !== undefined) take({ van, request: { ...request, name } })
    } catch (error) {
      warn(`the named subscription ${name ?? ''} is gone: ${describe(error)}`)
    }
  }
}

/** Restarts registered handlers and actors. Logs each failure. */
export async function startRegistered(
  { subscriptions, handlers: kept, actors: keptActors }: Registrations,
  handlers: Pick<Handlers, 'restore'>,
  actors: Pick<Actors, 'restore'>,
  warn: (text: string) => void,
): Promise<void> {
  const logFailure = (what: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => warn(`${what} did not start again: ${describe(error)}`))
  await Promise.all([
    ...kept.map(wanted => logFailure(`handler ${wanted.name}`, restoreHandler(wanted, handlers))),
    ...keptActors.map(actor =>
      logFailure(`actor ${actor.request.name ?? actor.id}`, actors.restore(withListed(actor, subscriptions))),
    ),
  ])
}

/** @throws as `Handlers.register`, or if this version cannot use it */
async function restoreHandler(
  wanted: Registrations['handlers'][number],
  handlers: Pick<Handlers, 'restore'>,
): Promise<void> {
  await handlers.restore({ ...wanted, request: decodeRequest(wanted.request), callerIsHandler: false })
}

/** With those of its subscriptions that earlier versions list apart from it. */
function withListed(actor: KeptActor, listed: Registrations['subscriptions']): KeptActor {
  const own = listed.filter(each => each.van === actor.van && each.actor === actor.id)
  const subscriptions = [...own.map(({ request }) => request), ...(actor.subscriptions ?? [])]
  return { ...actor, request: withEncodedArgs(actor.request), subscriptions }
}

/** Earlier versions keep the value. */
function withEncodedArgs({ args, ...request }: ActorRequest & { readonly args?: unknown }): ActorRequest {
  return args === undefined ? request : { encodedArgs: encodePayload(args), ...request }
}
