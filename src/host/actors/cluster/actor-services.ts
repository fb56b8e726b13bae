import { titleOf } from '../../../workers/definition/refusals.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { GotRequest } from '../../../wire/calls/host-requests.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import type { Van } from '../../van/van.js'
import type { Actors } from '../actors.js'
import { parentHostOf, type ActorPlacing } from './actor-placing.js'
import { foundOf, refusalOf } from './found.js'
import type { Tickets } from './tickets.js'

export interface ActorServicesOptions {
  readonly here: Actors
  readonly backbone: Backbone
  readonly van: (name: string) => Van
  readonly tickets: Tickets
  readonly placing: ActorPlacing
  /** An actor of this host consumes a named subscription. */
  readonly subscribe: (van: string, name: string, id: string, request: SubscriptionRequest) => Promise<void>
}

/** Serves the requests of other hosts about actors. */
export function serveActors(options: ActorServicesOptions): void {
  const { here, backbone, placing, subscribe } = options
  backbone.serve('actors.find', async ({ van, name }) => (await placing.find(van, name))?.self)
  backbone.serve('actors.named', async ({ van, name }) => {
    const actor = await here.find(van, name)
    return actor && foundOf(actor, backbone.members.self.id)
  })
  backbone.serve('actors.stop', ({ van, id, detail, isUnmissed }) => here.stop(van, id, detail, isUnmissed))
  backbone.serve('actors.subscribe', async ({ van, name, id, request }): Promise<true> => {
    await subscribe(van, name, id, request)
    return true
  })
  backbone.serve('actors.place', async ({ id, ...wanted }) => {
    const { name } = wanted.request
    if (name !== undefined) return placing.placeNamed(wanted, name)
    return { ...(await placing.place(wanted, id)), isNew: true }
  })
  backbone.serve('actors.start', order => startHere(order, options).catch(refusalOf))
  backbone.serve('actors.offer', ({ requires, id }, from) => {
    const leftBehind = id === undefined ? 0 : here.groups.leftBehind(id, from)
    return { load: here.load - leftBehind, lacks: here.lacks(requires) }
  })
}

/**
 * Starts an actor here for another host. A token of a van gives no right to load code: without a ticket of this host, the module has to
 * be under the roots.
 */
async function startHere(
  { van, request, asking, ticket, parentAt, bornOf, id, within }: GotRequest<'actors.start'>,
  { here, backbone, tickets, van: vanOf }: ActorServicesOptions,
): Promise<true> {
  const isLocalUser = tickets.redeem(ticket)
  const { id: own } = backbone.members.self
  const parentHost = parentHostOf(request, parentAt, own)
  const started = here.start(van, request, { isLocalUser, id, parentHost, bornOf })
  if (within === undefined) await started
  else {
    try {
      await inTime(started, within, `Actor ${titleOf(request)}`)
    } catch (error) {
      await here.stop(van, id, 'it was not set up in time')
      throw error
    }
  }
  // From now on, messages of the asking host have to find their way here.
  if (asking !== own) await vanOf(van).reach.ready()
  return true
}
