import { titleOf } from '../../../actors/definition/refusals.js'
import { addressOf } from '../../../bus/actors/create-actors.js'
import { ActorPlacementError } from '../../../errors.js'
import { MAILBOX } from '../../../message/topic.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { decodeRequest } from '../../../wire/frames/subscription-request.js'
import type { Backbone } from '../../backbone/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import { fieldsOf } from '../../calls/call-fields.js'
import type { Spread, SpreadActor } from '../actor-host.js'
import { actorRequestOf } from '../actor-request.js'
import { consumedOf } from '../actor-subscriptions.js'
import type { Actors } from '../actors.js'
import { askedBy, refusalOf } from './found.js'
import { ClusterInstances } from './cluster-instances.js'

export interface InstanceCoordinatorOptions {
  readonly here: Actors
  readonly backbone: Backbone
  /** Whether a ticket of this host says that it is its own user who wants an actor. Good once. */
  readonly redeem: (ticket: string) => boolean
  /** What a host that is gone held of a named subscription is for others. */
  readonly forsake: (van: string, host: string, name: string) => void
  /** Resolves when what this host said of messages so far has reached the leader, or that is away. */
  readonly settled: (van: string) => void | Promise<void>
}

const TOLD_MS = 5_000

/**
 * Actors with instances on several hosts. The leader keeps such an actor, with its mailbox: there it has a troupe. Each host has a
 * crew, and supervises that by itself. Who was out of reach is asked when it is back: a keeper asks whether its crew is there,
 * and a crew whether it is wanted.
 */
export class InstanceCoordinator {
  readonly #means: InstanceCoordinatorOptions
  readonly #troupes = new Map<string, ClusterInstances>()

  constructor(means: InstanceCoordinatorOptions) {
    this.#means = means
    const { here, backbone } = means
    here.crews.ended = async (id, { van, keeper }, reason, detail) => {
      const told = backbone.request(keeper, 'actors.crewEnded', { van, self: { id }, reason, detail })
      await inTime(told, TOLD_MS, `Host ${keeper}`).catch(() => undefined)
    }
    here.crews.bereft = async (id, { van, keeper }, incarnation) => {
      const told = backbone.request(keeper, 'actors.bereft', { van, self: { id }, incarnation })
      // A keeper that cannot be reached takes this host for gone, with all its workers, or is gone with its children.
      await inTime(told, TOLD_MS, `Host ${keeper}`).catch(() => undefined)
    }
    this.#serve()
  }

  troupe(actor: SpreadActor, spread: Spread): ClusterInstances {
    const { backbone, forsake } = this.#means
    const { van, self } = actor
    const troupe: ClusterInstances = new ClusterInstances(actor, spread, {
      backbone,
      forsake: host => {
        const names = actor.subscriptions().flatMap(request => decodeRequest(request).name ?? [])
        for (const name of [MAILBOX + self.id, ...names]) forsake(van, host, name)
      },
      ended: () => {
        if (this.#troupes.get(self.id) === troupe) this.#troupes.delete(self.id)
      },
    })
    this.#troupes.set(self.id, troupe)
    return troupe
  }

  came(host: string): void {
    for (const troupe of this.#troupes.values()) troupe.came(host).catch(() => undefined)
    for (const crew of this.#means.here.crews.keptBy(host)) void this.#keepIfWanted(host, crew)
  }

  gone(host: string): void {
    for (const troupe of [...this.#troupes.values()]) troupe.gone(host)
    for (const crew of this.#means.here.crews.keptBy(host)) void this.#abandon(crew)
  }

  async #keepIfWanted(keeper: string, { van, id }: { van: string; id: string }): Promise<void> {
    const { here, backbone } = this.#means
    const answer = backbone.request(keeper, 'actors.crewWanted', { van, self: { id } })
    const isWanted = await inTime(answer, TOLD_MS, `Host ${keeper}`).catch(() => true)
    if (isWanted === false) await here.crews.stop(van, id)
  }

  /** Who kept it is gone, and its mailbox too; in a leader to come this crew may have made one, without knowing. */
  async #abandon({ van, id }: { van: string; id: string }): Promise<void> {
    const { here, backbone } = this.#means
    await here.crews.stop(van, id)
    await backbone.requestLeader('actors.abandoned', { van, self: { id } }).catch(() => undefined)
  }

  #serve(): void {
    const { here, backbone, settled } = this.#means
    const serve = (
      name: string,
      work: (fields: Fields, van: string, id: string, from: string) => unknown,
    ): void =>
      backbone.serve(name, async (body, from) => {
        const fields = fieldsOf(body)
        return await work(fields, fields.text('van', 200), addressOf(fields.get('self')).id, from)
      })
    serve('actors.crew', async (fields, van, _, from) => {
      try {
        return await this.#start(fields, van, from)
      } catch (error) {
        if (error instanceof ActorPlacementError) return refusalOf(error)
        throw error
      }
    })
    serve('actors.crewStop', async (_, van, id, from) => {
      const wasThere = await here.crews.stop(van, id)
      // What it did last has reached the mailbox: that gives up what it is owed now.
      if (wasThere && from !== backbone.members.self.id) await settled(van)
      return wasThere
    })
    serve('actors.crewSubscribe', async (fields, van, id) => {
      await here.crews.subscribe(van, id, subscriptionsOf(fields))
      return true
    })
    serve('actors.crewThere', (_, van, id) => here.crews.keeperOf(van, id) === backbone.members.self.id)
    serve('actors.crewWanted', (_, __, id, from) => this.#troupes.get(id)?.isOn(from) ?? false)
    serve('actors.crewEnded', (fields, _, id, from) => {
      const reason = fields.oneOf('reason', ['stopped', 'crashed', 'unfit'])
      this.#troupes.get(id)?.left(from, reason, fields.text('detail', 100_000))
      return true
    })
    serve('actors.bereft', (fields, _, id) =>
      here.bereft(id, fields.text('incarnation', 100)).then(() => true),
    )
    serve('actors.abandoned', (_, van, id) => {
      if (here.has(van, id)) return false
      void here.retire(van, MAILBOX + id, `Actor ${id} is no more: its keeper is gone.`)
      return true
    })
  }

  async #start(fields: Fields, van: string, keeper: string): Promise<true> {
    const { here, redeem } = this.#means
    const request = actorRequestOf(fields.fields('request'))
    const self = addressOf(fields.get('self'))
    const within = fields.optional('within', key => fields.whole(key, 0, 1_000_000))
    const started = here.crews.start({
      ...{ van, self, request, keeper },
      numbers: fields.numbers('numbers', 1, 1_000, 1_000),
      isLocalUser: redeem(askedBy(fields).ticket),
      subscriptions: subscriptionsOf(fields),
      // A host of before does not say.
      isAgain: fields.optional('isAgain', key => fields.flag(key)) ?? false,
    })
    if (within === undefined) await started
    else {
      try {
        await inTime(started, within, `Actor ${titleOf(request)}`)
      } catch (error) {
        // In time or not: of a crew that is only half there nothing stays, and whoever keeps it deals it out anew.
        started.catch(() => undefined)
        throw error
      }
    }
    return true
  }
}

function subscriptionsOf(fields: Fields): ReturnType<typeof consumedOf>[] {
  return fields.list('subscriptions', 10_000).flatMap(encoded => {
    const request = decodeRequest(encoded)
    return request.name === undefined ? [] : [consumedOf(request.name, request)]
  })
}
