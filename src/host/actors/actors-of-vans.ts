import { randomBytes } from 'node:crypto'
import { titleOf } from '../../actors/refusals.js'
import type { ActorAddress } from '../../bus/actor-ref.js'
import type { ActorRequest } from '../../bus/actors.js'
import type { SubscriptionRequest } from '../../bus/broker.js'
import { addressOf } from '../../bus/create-actors.js'
import {
  ActorPlacementError,
  ActorStartError,
  ActorStoppedError,
  HandlerModuleError,
  RemoteError,
} from '../../errors.js'
import type { Fields } from '../../wire/fields.js'
import { decodeRequest, encodeRequest } from '../../wire/subscription-request.js'
import type { Backbone } from '../backbone/backbone.js'
import { inTime } from '../backbone/host-requests.js'
import { fieldsOf } from '../call-fields.js'
import { moduleUrl } from '../module-roots.js'
import { OneAtATime } from '../one-at-a-time.js'
import { UNREGISTER, type HandlerService } from '../unregister.js'
import type { Van } from '../vans.js'
import { actorRequestOf } from './actor-request.js'
import { noSuchActor, type Actors } from './actors.js'
import { Families } from './families.js'
import { HostWatch } from './host-watch.js'
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
import { Placement, type Placed, type Wanted } from './placement.js'

export interface AroundActors {
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
export class ActorsOfVans {
  readonly here: Actors
  readonly #around: AroundActors
  readonly #backbone: Backbone
  readonly #families: Families
  readonly #placement: Placement
  readonly #watch: HostWatch
  /** Where this host leads: by van and name. */
  readonly #names = new OneAtATime()
  /** Of actors that are being placed: whether who wants them is this machine's user. Each good for one start here. */
  readonly #tickets = new Map<string, boolean>()

  constructor(around: AroundActors) {
    const { here, backbone } = around
    this.here = here
    this.#around = around
    this.#backbone = backbone
    this.#families = new Families(here, backbone)
    this.#placement = new Placement({
      backbone,
      discard: (van, placed) => this.#families.discard({ van, ...placed }),
    })
    this.#watch = new HostWatch(
      backbone.members,
      { came: host => this.#families.came(host), gone: host => this.#families.gone(host) },
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
  async create(van: string, wanted: ActorRequest, callerIsLocalUser: boolean): Promise<ActorAddress> {
    const request = { ...wanted, module: urlOf(wanted.module) }
    const { name, parent } = request
    const { id: asking } = this.#backbone.members.self
    const there = name === undefined ? undefined : this.here.named(van, name)
    if (there !== undefined) return sameActor(foundOf(there, asking), request).self
    const ticket = randomBytes(18).toString('base64url')
    this.#tickets.set(ticket, callerIsLocalUser)
    try {
      const job = { van, request, asking, ticket }
      const placed =
        name === undefined
          ? { ...(await this.#placement.place(job)), isNew: true }
          : placedOf(await this.#backbone.requestLeader('actors.place', job))
      if (placed.isNew && parent !== undefined && placed.host !== asking) this.#adopt(van, parent, placed)
      return placed.self
    } finally {
      this.#tickets.delete(ticket)
    }
  }

  /** When one of that name is being made, its end is waited for. @throws RemoteError if the leader cannot be reached */
  async find(van: string, name: string): Promise<ActorAddress | undefined> {
    const there = await this.here.find(van, name)
    if (there !== undefined) return there.self
    const found = await this.#backbone.requestLeader('actors.find', { van, name })
    return found === undefined ? undefined : addressOf(found)
  }

  /** With its children, and with what it has in hand done. False when there was none. */
  async stop(van: string, id: string): Promise<boolean> {
    if (await this.here.stop(van, id)) return true
    const answers = await Promise.allSettled(this.#askOthers('actors.stop', { van, id }))
    if (answers.some(answer => answer.status === 'fulfilled' && answer.value === true)) return true
    throwFirst(answers, error => error instanceof RemoteError)
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
    throwFirst(answers, error => error instanceof ActorStoppedError || error instanceof RemoteError)
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
      ),
    )
    serve('actors.subscribe', async (fields, van) => {
      const request = decodeRequest(fields.get('request'))
      await this.#subscribeHere(van, fields.text('name', 200), fields.text('id', 100), request)
      return true
    })
    serve('actors.place', (fields, van) => {
      const { name = '', ...request } = actorRequestOf(fields.fields('request'))
      const wanted = { van, request: { ...request, name }, ...askedBy(fields) }
      return this.#names.do(nameKey(van, name), () => this.#placeNamed(wanted, name))
    })
    serve('actors.start', (fields, van) =>
      this.#start(fields, van).catch((error: unknown) => {
        if (error instanceof ActorPlacementError) return refusalOf(error)
        throw error
      }),
    )
    this.#backbone.serve('actors.offer', body => {
      const requires = requiresOf(fieldsOf(body))
      return Promise.resolve({ load: here.load, lacks: here.lacks(requires) })
    })
  }

  /** One name at a time comes here, where this host leads. */
  async #placeNamed(wanted: Wanted, name: string): Promise<Placed & { isNew: boolean }> {
    const there = await this.#named(wanted.van, name)
    if (there === undefined) return { ...(await this.#placement.place(wanted)), isNew: true }
    const { self, host } = sameActor(there, wanted.request)
    return { self, host, isNew: false }
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
    const { asking, ticket } = askedBy(fields)
    const id = fields.text('id', 100)
    const within = fields.optional('within', key => fields.whole(key, 0, 1_000_000))
    const isLocalUser = this.#tickets.get(ticket) ?? false
    this.#tickets.delete(ticket)
    const parentHost = asking === this.#backbone.members.self.id ? undefined : asking
    const started = this.here.start(van, request, { isLocalUser, id, parentHost })
    if (within === undefined) await started
    else {
      try {
        await inTime(started, within, `Actor ${titleOf(request)}`)
      } catch (error) {
        await this.here.stop(van, id, 'it was not set up in time')
        throw error
      }
    }
    return true
  }

  #adopt(van: string, parent: string, { self, host }: Placed): void {
    const child = { van, self, host }
    if (this.here.has(van, parent)) return this.#families.adopted(parent, child)
    this.#families.discard(child)
    throw new ActorStoppedError(`Actor ${parent} is stopped: it gets no more children.`)
  }
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
