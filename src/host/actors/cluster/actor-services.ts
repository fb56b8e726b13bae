import { titleOf } from '../../../actors/definition/refusals.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { ActorPlacementError } from '../../../errors.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { decodeRequest } from '../../../wire/frames/subscription-request.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import { fieldsOf } from '../../../wire/calls/call-definition.js'
import type { Van } from '../../van/vans.js'
import { decodeActorRequest } from '../../../wire/calls/actor-request.js'
import type { Actors } from '../actors.js'
import { parentHostOf, type ActorPlacing } from './actor-placing.js'
import { askedBy, foundOf, refusalOf, requiresOf } from './found.js'
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
  const { here, backbone, placing } = options
  const serve = (name: string, work: (fields: Fields, van: string) => Promise<unknown>): void =>
    backbone.serve(name, body => {
      const fields = fieldsOf(body)
      return work(fields, fields.text('van', 200))
    })
  serve('actors.find', async (fields, van) => (await placing.find(van, fields.text('name', 200)))?.self)
  serve('actors.named', async (fields, van) => {
    const actor = await here.find(van, fields.text('name', 200))
    return actor && foundOf(actor, backbone.members.self.id)
  })
  serve('actors.stop', (fields, van) =>
    here.stop(
      van,
      fields.text('id', 100),
      fields.optional('detail', key => fields.text(key, 1_000)),
      fields.optional('isUnmissed', key => fields.flag(key)),
    ),
  )
  serve('actors.subscribe', async (fields, van) => {
    const request = decodeRequest(fields.get('request'))
    await options.subscribe(van, fields.text('name', 200), fields.text('id', 100), request)
    return true
  })
  serve('actors.place', (fields, van) => {
    const request = decodeActorRequest(fields.fields('request'))
    const wanted = { van, request, ...askedBy(fields) }
    if (request.name !== undefined) return placing.placeNamed(wanted, request.name)
    return placing.place(wanted, fields.text('id', 100)).then(placed => ({ ...placed, isNew: true }))
  })
  serve('actors.start', (fields, van) =>
    startHere(fields, van, options).catch((error: unknown) => {
      if (error instanceof ActorPlacementError) return refusalOf(error)
      throw error
    }),
  )
  backbone.serve('actors.offer', (body, from) => {
    const fields = fieldsOf(body)
    const requires = requiresOf(fields)
    const id = fields.optional('id', key => fields.text(key, 100))
    const leftBehind = id === undefined ? 0 : here.groups.leftBehind(id, from)
    return Promise.resolve({ load: here.load - leftBehind, lacks: here.lacks(requires) })
  })
}

/**
 * Starts an actor here for another host. A token of a van gives no right to load code: without a ticket of this host, the module has to
 * be under the roots.
 */
async function startHere(
  fields: Fields,
  van: string,
  { here, backbone, tickets, van: vanOf }: ActorServicesOptions,
): Promise<true> {
  const request = decodeActorRequest(fields.fields('request'))
  const { asking, ticket, parentAt, bornOf } = askedBy(fields)
  const id = fields.text('id', 100)
  const within = fields.optional('within', key => fields.whole(key, 0, 1_000_000))
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
