import { readFile, writeFile } from 'node:fs/promises'
import type { ActorRequest, CapabilityValues } from '../bus/actors.js'
import { decodePayload, encodePayload } from '../message/payload.js'
import { isExposure, MAILBOX } from '../message/topic.js'
import { describe } from '../errors.js'
import { decodeRequest, encodeRequest } from '../wire/subscription-request.js'
import type { Actors } from './actors/actors.js'
import type { HandlerRequest, Handlers } from './handlers.js'
import type { HostServer } from './server.js'

/** An actor as a host hands it over to the next one. */
export interface KeptActor {
  readonly van: string
  /** Those who hold a ref go on using it. */
  readonly id: string
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  /** On which other hosts its instances were, if they are spread. */
  readonly hosts?: readonly string[] | undefined
  /** The named subscriptions that it gets, where they are kept with it. */
  readonly subscriptions?: readonly unknown[]
}

/** What is registered in a host, for the one that takes its place. Written by one msgvan and read by the next: plain values. */
export interface Registrations {
  readonly subscriptions: readonly { van: string; request: unknown; actor?: string }[]
  readonly handlers: readonly (Omit<HandlerRequest, 'request'> & { request: unknown })[]
  readonly actors: readonly KeptActor[]
  /** What it offered, by whoever's word: what runs there requires it. */
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
        .filter(({ name }) => !name.startsWith(MAILBOX) && !isExposure(name))
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

/** What the host before left. Undefined if there is none. */
export async function readRegistrations(file: string): Promise<Registrations | undefined> {
  const bytes = await readFile(file).catch(() => undefined)
  return bytes === undefined ? undefined : (decodePayload(bytes) as Registrations)
}

/** Where messages wait, at once: whoever publishes now finds them. */
export function openSubscriptions(server: HostServer, { subscriptions }: Registrations): void {
  for (const { van, request } of subscriptions) {
    const decoded = decodeRequest(request)
    if (decoded.name !== undefined) server.broker(van).replace({ ...decoded, name: decoded.name })
  }
}

/** Starts what ran. One that does not start is said. */
export async function startRegistered(
  { subscriptions, handlers: kept, actors: keptActors }: Registrations,
  handlers: Handlers,
  actors: Actors,
  warn: (text: string) => void,
): Promise<void> {
  const said = (what: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: unknown) => warn(`${what} did not start again: ${describe(error)}`))
  await Promise.all([
    ...kept.map(wanted =>
      said(
        `handler ${wanted.name}`,
        handlers.register({ ...wanted, request: decodeRequest(wanted.request), callerIsHandler: false }),
      ),
    ),
    ...keptActors.map(actor => said(`actor ${actor.request.name ?? actor.id}`, actors.restore(actor))),
  ])
  for (const { van, request, actor } of subscriptions) {
    if (actor === undefined) continue
    const decoded = decodeRequest(request)
    await said(
      `the subscription ${decoded.name ?? ''} of actor ${actor}`,
      Promise.resolve().then(() => actors.subscribe(van, decoded.name ?? '', actor, decoded)),
    )
  }
}
