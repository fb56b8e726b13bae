import type { ActorRequest } from '../../../bus/contract/actors.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import type { Found, Placed, Wanted } from '../../../wire/calls/placing.js'
import { OneAtATime } from '../../handlers/one-at-a-time.js'
import type { Van } from '../../van/van.js'
import { newActorId } from '../actor-starts.js'
import type { Actors } from '../actors.js'
import { askOthers } from './ask-others.js'
import { foundOf, sameActor } from './found.js'
import { fitting } from './placement-offers.js'
import type { Placement } from './placement.js'
import type { Tickets } from './tickets.js'

export interface ActorPlacingOptions {
  readonly here: Actors
  readonly backbone: Backbone
  readonly van: (name: string) => Van
  readonly placement: Placement
  readonly tickets: Tickets
}

/** Places actors for all hosts. The leader places those with names one at a time, so that a name is one actor's. */
export class ActorPlacing {
  readonly #options: ActorPlacingOptions
  /** At the leader: placements by van and name. */
  readonly #names = new OneAtATime()

  constructor(options: ActorPlacingOptions) {
    this.#options = options
  }

  /** The actor of that name, or a new one. */
  placeNamed(wanted: Wanted, name: string): Promise<Placed & { isNew: boolean }> {
    return this.#names.do(nameKey(wanted.van, name), async () => {
      const existing = await this.#named(wanted.van, name)
      if (existing === undefined) return { ...(await this.place(wanted)), isNew: true }
      const { self, host } = sameActor(existing, wanted.request)
      return { self, host, isNew: false }
    })
  }

  /** On one host, or, at the leader, spread over all hosts that fit. @param id for an actor that is spread */
  async place(wanted: Wanted, id = newActorId(true)): Promise<Placed> {
    const { here, backbone, tickets, van: vanOf, placement } = this.#options
    const { van, request, asking, ticket, parentAt, bornOf } = wanted
    const { self: own } = backbone.members
    const mayBeSpread = own.leader && request.instances > 1
    const offers = mayBeSpread ? await fitting(backbone, request.requires) : []
    if (offers.length < 2) return placement.place(wanted)
    const isLocalUser = asking === own.id && tickets.isOfLocalUser(ticket)
    const parentHost = parentHostOf(request, parentAt, own.id)
    const spread = { asking, ticket }
    const self = await here.start(van, request, { isLocalUser, id, parentHost, bornOf, spread })
    await vanOf(van).reach.ready()
    return { self, host: own.id }
  }

  /** The actor of that name, at any host. Waits for a placement that is under way. */
  async find(van: string, name: string): Promise<Found | undefined> {
    await this.#names.over(nameKey(van, name))
    return this.#named(van, name)
  }

  async #named(van: string, name: string): Promise<Found | undefined> {
    const { here, backbone } = this.#options
    const own = await here.find(van, name)
    if (own !== undefined) return foundOf(own, backbone.members.self.id)
    for (const answer of await askOthers(backbone, 'actors.named', { van, name }))
      if (answer.status === 'fulfilled' && answer.value !== undefined) return answer.value
    return undefined
  }
}

/** The host of the parent, if it is another one than `own`. An actor without a parent does not depend on its creator's host. */
export function parentHostOf({ parent }: ActorRequest, parentAt: string, own: string): string | undefined {
  return parent === undefined || parentAt === own ? undefined : parentAt
}

function nameKey(van: string, name: string): string {
  return JSON.stringify([van, name])
}
