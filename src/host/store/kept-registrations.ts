import { InvalidOptionError } from '../../errors.js'
import { MAILBOX } from '../../message/topic.js'
import { Fields } from '../../wire/frames/fields.js'
import { decodeRequest, encodeRequest } from '../../wire/frames/subscription-request.js'
import type { ActorHost } from '../actors/actor-host.js'
import type { HandlerHost } from '../handlers/handlers.js'
import { eachUsable, type Registrations } from '../handlers/registrations.js'
import type { KeptActor } from '../actors/kept-actor.js'
import type { HostServer } from '../listen/server.js'
import type { HostStore } from './host-store.js'

/** Milliseconds that clients take to come back to a restarted host, with some to spare. */
export const BACK_MS = 3_000

/** Keeps registrations of handlers and actors in the store, once it is open. Without a store, it does nothing. */
export function keeping(
  store: () => HostStore | undefined,
): Required<Pick<HandlerHost, 'keep'>> & Required<Pick<ActorHost, 'keepActor'>> {
  return {
    keep: async (van, name, wanted) => {
      if (wanted === undefined) return store()?.keepRegistered('handlers', van, name, undefined)
      const { module, export: exported, request, isolation = 'thread', callerIsLocalUser } = wanted
      const kept = { van, name, module, export: exported, request: encodeRequest(request), isolation, callerIsLocalUser } // prettier-ignore
      return store()?.keepRegistered('handlers', van, name, kept)
    },
    keepActor: async (van, id, kept) => store()?.keepRegistered('actors', van, id, kept),
  }
}

/**
 * The registrations of the previous host: those in the store, and those that a host without a store handed over (`msgvan
 * restart`). It logs those that cannot start, and keeps them for the next start.
 */
export function keptRegistrations(store: HostStore, left: Registrations | undefined): Registrations {
  const handlers = store.registered('handlers', handlerOf)
  const actors = store.registered('actors', actorOf)
  const subscriptions = actors.flatMap(({ van, id, subscriptions: own = [] }) =>
    own.map(request => ({ van, request, actor: id })),
  )
  if (left === undefined) return { subscriptions, handlers, actors }
  const isKnown = ({ van, name }: { van: string; name: string }): boolean =>
    handlers.some(each => each.van === van && each.name === name)
  return {
    subscriptions: [...subscriptions, ...left.subscriptions.filter(({ actor }) => !actors.some(({ id }) => id === actor))], // prettier-ignore
    handlers: [...handlers, ...left.handlers.filter(handler => !isKnown(handler))],
    actors: [...actors, ...left.actors.filter(({ id }) => !actors.some(each => each.id === id))],
  }
}

/**
 * Before any client connects: subscriptions that were handed over and are in no store get a place. Mailboxes of actors
 * that do not exist any more (children, whose parents make new ones) are given up, with their messages.
 */
export function openKept(
  server: Pick<HostServer, 'backbone' | 'broker' | 'vans'>,
  { subscriptions, actors }: Registrations,
  warn: (text: string) => void,
): void {
  // A follower's names are at its leader.
  const own = server.backbone.isFollower ? [] : subscriptions
  eachUsable(own, warn, ({ van, request }) => {
    const { name } = request
    const isThere = server.broker(van).named().some(each => each.name === name) // prettier-ignore
    if (!isThere) server.broker(van).replace(request)
  })
  for (const van of server.vans) {
    for (const { name } of server.broker(van).named()) {
      const id = name.slice(MAILBOX.length)
      if (!name.startsWith(MAILBOX) || actors.some(actor => actor.id === id)) continue
      // The askers have had no time yet to come back.
      void server.broker(van).retire(name, `Actor ${id} has ended: its host died.`, BACK_MS)
    }
  }
}

/** The start checks its own rules with this version; without these fields it cannot be identified. */
function actorOf(kept: unknown): KeptActor {
  const fields = new Fields(kept, what => new InvalidOptionError(`An actor that was kept ${what}.`))
  fields.text('van', 200)
  fields.text('id', 200)
  new Fields(
    fields.get('request'),
    what => new InvalidOptionError(`An actor's rules that were kept ${what}.`),
  )
  const { subscriptions = [] } = kept as KeptActor
  for (const request of subscriptions) decodeRequest(request)
  return kept as KeptActor
}

function handlerOf(kept: unknown): Registrations['handlers'][number] {
  const fields = new Fields(kept, what => new InvalidOptionError(`A handler that was kept ${what}.`))
  return {
    van: fields.text('van', 200),
    name: fields.text('name', 200),
    module: fields.text('module', 10_000),
    export: fields.text('export'),
    request: fields.get('request'),
    isolation: fields.optional('isolation', key => fields.oneOf(key, ['thread', 'process'] as const)),
    callerIsLocalUser: fields.flag('callerIsLocalUser'),
    callerIsHandler: false,
  }
}
