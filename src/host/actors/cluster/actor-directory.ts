import { titleOf } from '../../../actors/definition/refusals.js'
import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import { addressOf } from '../../../bus/actors/create-actors.js'
import {
  ActorPlacementError,
  ActorStartError,
  ActorStoppedError,
  HandlerModuleError,
  RemoteError,
  TimeoutError,
} from '../../../errors.js'
import type { Fields } from '../../../wire/frames/fields.js'
import { decodeRequest, encodeRequest } from '../../../wire/frames/subscription-request.js'
import type { Backbone } from '../../backbone/backbone.js'
import { inTime, LEADER, noSuchHost } from '../../backbone/host-requests.js'
import { fieldsOf } from '../../calls/call-fields.js'
import { moduleUrl } from '../../handlers/module-roots.js'
import { OneAtATime } from '../../process/one-at-a-time.js'
import { UNREGISTER, type HandlerService } from '../../calls/unregister.js'
import type { Van } from '../../van/vans.js'
import { actorRequestOf } from '../actor-request.js'
import { newActorId, noSuchActor, type Actors } from '../actors.js'
import { InstanceCoordinator } from './instance-coordinator.js'
import { ParentLinks } from '../parent-links.js'
import { HostWatch } from '../host-watch.js'
import {
  askedBy,
  foundOf,
  placedOf,
  readFound,
  refusalOf,
  requiresOf,
  sameActor,
  type Found,
} from './found.js'
import { fitting } from './placement-offers.js'
import { Placement } from './placement.js'
import type { Placed, Wanted } from './wanted.js'
import { Tickets } from './tickets.js'

/** Whoever wants an actor. */
interface Caller {
  readonly client: string
  /** It proved to be this machine's user, who may name any module. */
  readonly isLocalUser: boolean
}

export interface ActorDirectoryOptions {
  /** Those of this host. */
  readonly here: Actors
  readonly handlers: () => HandlerService | undefined
  readonly backbone: Backbone
  readonly van: (name: string) => Van
  /** Milliseconds that a host may be cut off before what ran there is taken for ended. Default 10,000. */
  readonly patience?: number | undefined
}

/**
 * The actors of all hosts, as each host sees them. An actor is known to its own host only: the others ask around. Who leads
 * makes those with names, one after another, so that a name is one actor's.
 */
export class ActorDirectory {
  readonly here: Actors
  readonly #around: ActorDirectoryOptions
  readonly #backbone: Backbone
  readonly #families: ParentLinks
  readonly #ensemble: InstanceCoordinator
  readonly #placement: Placement
  readonly #watch: HostWatch
  /** Where this host leads: by van and name. */
  readonly #names = new OneAtATime()
  readonly #tickets = new Tickets()

  constructor(around: ActorDirectoryOptions) {
    const { here, backbone } = around
    this.here = here
    this.#around = around
    this.#backbone = backbone
    this.#families = new ParentLinks(here, backbone)
    this.#ensemble = new InstanceCoordinator({
      here,
      backbone,
      redeem: ticket => this.#tickets.redeem(ticket),
      forsake: (van, host, name) => around.van(van).reach.forsake(host, name),
      settled: van => around.van(van).reach.ready(),
    })
    here.relations = {
      endChildren: (...children) => this.#families.endChildren(...children),
      retire: (...subscription) => this.#families.retire(...subscription),
      childExited: (...exit) => this.#families.childExited(...exit),
      troupe: (actor, spread) => this.#ensemble.troupe(actor, spread),
      spreadAgain: ({ isLocalUser, hosts = [] }) => ({
        ...{ asking: backbone.members.self.id, ticket: this.#tickets.issue(isLocalUser), awaited: hosts },
      }),
    }
    this.#placement = new Placement({
      backbone,
      discard: (van, placed) => this.#families.discard({ van, ...placed }),
    })
    this.#watch = new HostWatch(
      backbone.members,
      {
        came: host => {
          this.#families.came(host)
          this.#ensemble.came(host)
        },
        gone: host => {
          this.#families.gone(host)
          this.#ensemble.gone(host)
        },
      },
      around.patience,
    )
    this.#serve()
  }

  close(): void {
    this.#watch.close()
  }

  /**
   * The actor of that name, or a new one that is set up and takes messages.
   *
   * @throws ActorPlacementError, ActorStartError, NameTakenError, RemoteError (a name, and the leader cannot be reached)
   */
  async create(van: string, wanted: ActorRequest, caller: Caller): Promise<ActorAddress> {
    const request = { ...wanted, module: urlOf(wanted.module) }
    const { name, parent } = request
    const { id: asking } = this.#backbone.members.self
    const there = name === undefined ? undefined : this.here.named(van, name)
    if (there !== undefined) return sameActor(foundOf(there, asking), request).self
    const ticket = this.#tickets.issue(caller.isLocalUser)
    const keeper = parent === undefined ? undefined : this.here.crews.keeperOf(van, parent)
    const parentAt = keeper ?? asking
    try {
      const bornOf = parent === undefined ? undefined : { incarnation: caller.client, host: asking }
      const job = { van, request, asking, ticket, parentAt, bornOf }
      const placed = await this.#placeByName(job)
      if (placed.isNew && parent !== undefined && placed.host !== parentAt)
        await this.#families.adopt(parentAt, parent, { van, ...placed, bornOf })
      return placed.self
    } finally {
      this.#tickets.redeem(ticket)
    }
  }

  /** By the leader, who gives names, and keeps what is on several hosts. */
  async #placeByName(job: Wanted): Promise<Placed & { isNew: boolean }> {
    const { name, instances } = job.request
    if (name !== undefined) return placedOf(await this.#backbone.requestLeader('actors.place', job))
    const leader = this.#backbone.members.list().find(({ leader }) => leader)
    if (instances === 1 || leader === undefined) return { ...(await this.#place(job)), isNew: true }
    const id = newActorId(true)
    try {
      return placedOf(await this.#backbone.requestLeader('actors.place', { ...job, id }))
    } catch (error) {
      // It may have been made, and nobody will use it.
      if (error instanceof RemoteError || error instanceof TimeoutError)
        this.#families.discard({ van: job.van, self: { id }, host: leader.id })
      throw error
    }
  }

  /** When one of that name is being made, its end is waited for. @throws RemoteError if the leader cannot be reached */
  async find(van: string, name: string): Promise<ActorAddress | undefined> {
    const there = await this.here.find(van, name)
    if (there !== undefined) return there.self
    const found = await this.#backbone.requestLeader('actors.find', { van, name })
    return found === undefined ? undefined : addressOf(found)
  }

  /**
   * With its children, and with what it has in hand done. False when there was none.
   *
   * @throws RemoteError, TimeoutError: a host that may have it cannot be reached, or was lost meanwhile
   */
  async stop(van: string, id: string): Promise<boolean> {
    if (await this.here.stop(van, id)) return true
    const answers = await Promise.allSettled(this.#askOthers('actors.stop', { van, id }))
    if (answers.some(answer => answer.status === 'fulfilled' && answer.value === true)) return true
    throwFirst(answers, () => false)
    // Its keeper is not among those who were asked.
    if (this.here.crews.keeperOf(van, id) !== undefined) throw noSuchHost(LEADER)
    return false
  }

  /**
   * Has it get the messages of a named subscription, in place of whoever got them.
   *
   * @throws ActorStoppedError, InvalidPatternError
   */
  async subscribe(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    if (this.here.has(van, id)) return this.#subscribeHere(van, name, id, request)
    const encoded = encodeRequest({ ...request, name })
    const answers = await Promise.allSettled(
      this.#askOthers('actors.subscribe', { van, name, id, request: encoded }),
    )
    if (answers.some(({ status }) => status === 'fulfilled')) return
    throwFirst(answers, error => error instanceof ActorStoppedError)
    throw noSuchActor(id)
  }

  async #subscribeHere(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    await this.here.subscribe(van, name, id, request)
    await this.#around.handlers()?.unregister(van, name)
    await this.#around.van(van).reach.ask(UNREGISTER, { name })
  }

  #serve(): void {
    const serve = (name: string, work: (fields: Fields, van: string) => Promise<unknown>): void =>
      this.#backbone.serve(name, body => {
        const fields = fieldsOf(body)
        return work(fields, fields.text('van', 200))
      })
    const { here } = this
    serve('actors.find', async (fields, van) => {
      const name = fields.text('name', 200)
      await this.#names.over(nameKey(van, name))
      return (await this.#named(van, name))?.self
    })
    serve('actors.named', async (fields, van) => {
      const actor = await here.find(van, fields.text('name', 200))
      return actor && foundOf(actor, this.#backbone.members.self.id)
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
      await this.#subscribeHere(van, fields.text('name', 200), fields.text('id', 100), request)
      return true
    })
    serve('actors.place', (fields, van) => {
      const request = actorRequestOf(fields.fields('request'))
      const wanted = { van, request, ...askedBy(fields) }
      const { name } = request
      if (name !== undefined) return this.#names.do(nameKey(van, name), () => this.#placeNamed(wanted, name))
      const id = fields.text('id', 100)
      return this.#place(wanted, id).then(placed => ({ ...placed, isNew: true }))
    })
    serve('actors.start', (fields, van) =>
      this.#start(fields, van).catch((error: unknown) => {
        if (error instanceof ActorPlacementError) return refusalOf(error)
        throw error
      }),
    )
    this.#backbone.serve('actors.offer', (body, from) => {
      const fields = fieldsOf(body)
      const requires = requiresOf(fields)
      const id = fields.optional('id', key => fields.text(key, 100))
      const leftBehind = id === undefined ? 0 : here.crews.leftBehind(id, from)
      return Promise.resolve({ load: here.load - leftBehind, lacks: here.lacks(requires) })
    })
  }

  /** One name at a time comes here, where this host leads. */
  async #placeNamed(wanted: Wanted, name: string): Promise<Placed & { isNew: boolean }> {
    const there = await this.#named(wanted.van, name)
    if (there === undefined) return { ...(await this.#place(wanted)), isNew: true }
    const { self, host } = sameActor(there, wanted.request)
    return { self, host, isNew: false }
  }

  /** On one host, or spread over all that fit, where this one leads. @param id if it is spread */
  async #place(wanted: Wanted, id = newActorId(true)): Promise<Placed> {
    const { van, request, asking, ticket, parentAt, bornOf } = wanted
    const { self: own } = this.#backbone.members
    const mayBeSpread = own.leader && request.instances > 1
    const offers = mayBeSpread ? await fitting(this.#backbone, request.requires) : []
    if (offers.length < 2) return this.#placement.place(wanted)
    const isLocalUser = asking === own.id && this.#tickets.isOfLocalUser(ticket)
    const parentHost = parentHostOf(request, parentAt, own.id)
    const spread = { asking, ticket }
    const self = await this.here.start(van, request, { isLocalUser, id, parentHost, bornOf, spread })
    await this.#around.van(van).reach.ready()
    return { self, host: own.id }
  }

  /** Wherever it is. */
  async #named(van: string, name: string): Promise<Found | undefined> {
    const here = await this.here.find(van, name)
    if (here !== undefined) return foundOf(here, this.#backbone.members.self.id)
    const answers = await Promise.allSettled(this.#askOthers('actors.named', { van, name }))
    for (const answer of answers)
      if (answer.status === 'fulfilled' && answer.value !== undefined) return readFound(answer.value)
    return undefined
  }

  #askOthers(name: string, body: unknown): Promise<unknown>[] {
    const [, ...others] = this.#backbone.members.list()
    return others.map(({ id }) => this.#backbone.request(id, name, body))
  }

  /** Somebody's actor is to run here. A token of a van is no right to load code: whose ticket is not ours comes under the roots. */
  async #start(fields: Fields, van: string): Promise<true> {
    const request = actorRequestOf(fields.fields('request'))
    const { asking, ticket, parentAt, bornOf } = askedBy(fields)
    const id = fields.text('id', 100)
    const within = fields.optional('within', key => fields.whole(key, 0, 1_000_000))
    const isLocalUser = this.#tickets.redeem(ticket)
    const { id: own } = this.#backbone.members.self
    const parentHost = parentHostOf(request, parentAt, own)
    const started = this.here.start(van, request, { isLocalUser, id, parentHost, bornOf })
    if (within === undefined) await started
    else {
      try {
        await inTime(started, within, `Actor ${titleOf(request)}`)
      } catch (error) {
        await this.here.stop(van, id, 'it was not set up in time')
        throw error
      }
    }
    // What is told there from now on must find its way here.
    if (asking !== own) await this.#around.van(van).reach.ready()
    return true
  }
}

/** Undefined if it is this one, or if there is no parent: then the actor does not go with the host of whoever wanted it. */
function parentHostOf({ parent }: ActorRequest, parentAt: string, own: string): string | undefined {
  return parent === undefined || parentAt === own ? undefined : parentAt
}

function throwFirst(
  answers: readonly PromiseSettledResult<unknown>[],
  isExpected: (error: unknown) => boolean,
): void {
  const failed = answers.filter(answer => answer.status === 'rejected')
  for (const { reason } of failed) if (!isExpected(reason)) throw reason
}

function urlOf(module: string): string {
  try {
    return moduleUrl(module)
  } catch (error) {
    throw error instanceof HandlerModuleError ? new ActorStartError(error.message, { cause: error }) : error
  }
}

function nameKey(van: string, name: string): string {
  return JSON.stringify([van, name])
}
