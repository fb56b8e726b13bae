import type { ActorAddress } from '../../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../../bus/contract/actors.js'
import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import {
  ActorStartError,
  ActorStoppedError,
  HandlerModuleError,
  RemoteError,
  TimeoutError,
} from '../../../errors.js'
import type { Placed, Wanted } from '../../../wire/calls/placing.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { LEADER, noSuchHost } from '../../backbone/host-requests.js'
import { UNREGISTER, type HandlerService } from '../../calls/unregister.js'
import { moduleUrl } from '../../handlers/module-roots.js'
import type { Van } from '../../van/van.js'
import { newActorId } from '../actor-starts.js'
import { noSuchActor, type Actors } from '../actors.js'
import { ActorPlacing } from './actor-placing.js'
import { serveActors } from './actor-services.js'
import { askOthers, throwFirst } from './ask-others.js'
import { foundOf, sameActor } from './found.js'
import { HostWatch } from './host-watch.js'
import { InstanceCoordinator } from './instance-coordinator.js'
import { ParentLinks } from './parent-links.js'
import { Placement } from './placement.js'
import { Tickets } from './tickets.js'

/** The client that wants an actor. */
interface Caller {
  readonly client: string
  /** It proved to be this machine's user, who may name any module. */
  readonly isLocalUser: boolean
}

export interface ActorDirectoryOptions {
  /** The actors of this host. */
  readonly here: Actors
  readonly handlers: HandlerService | undefined
  readonly backbone: Backbone
  readonly van: (name: string) => Van
  /** After this number of milliseconds without a host, its actors count as ended. Default 10,000. */
  readonly patience?: number | undefined
}

/**
 * The actors of all hosts, as each host sees them. Only its own host knows an actor, so the others ask around. The leader
 * creates actors with names, one at a time.
 */
export class ActorDirectory {
  readonly here: Actors
  readonly #options: ActorDirectoryOptions
  readonly #backbone: Backbone
  readonly #parentLinks: ParentLinks
  readonly #placing: ActorPlacing
  readonly #watch: HostWatch
  readonly #tickets = new Tickets()

  constructor(options: ActorDirectoryOptions) {
    const { here, backbone, van } = options
    const tickets = this.#tickets
    this.here = here
    this.#options = options
    this.#backbone = backbone
    const parentLinks = new ParentLinks(here, backbone)
    this.#parentLinks = parentLinks
    const coordinator = new InstanceCoordinator({
      ...{ here, backbone, tickets },
      failHeldBy: (name, host, subscription) => van(name).reach.failHeldBy?.(host, subscription),
      settled: name => van(name).reach.ready(),
    })
    here.connect({
      endChildren: (...children) => parentLinks.endChildren(...children),
      retire: (...subscription) => parentLinks.retire(...subscription),
      childExited: (...exit) => parentLinks.childExited(...exit),
      spread: (...actor) => coordinator.spread(...actor),
      spreadAgain: kept => coordinator.spreadAgain(kept),
      groupEnded: (...end) => coordinator.groupEnded(...end),
      groupInstanceEnded: (...end) => coordinator.groupInstanceEnded(...end),
    })
    const placement = new Placement({
      backbone,
      discard: (name, placed) => parentLinks.discard({ van: name, ...placed }),
    })
    this.#placing = new ActorPlacing({ here, backbone, van, placement, tickets })
    this.#watch = watchHosts([parentLinks, coordinator, namesOf(options)], options)
    serveActors({
      ...{ here, backbone, van, tickets, placing: this.#placing },
      subscribe: (...subscription) => this.#subscribeHere(...subscription),
    })
  }

  close(): void {
    this.#watch.close()
  }

  /**
   * The actor of that name, or a new one that is set up and accepts messages.
   *
   * @throws ActorPlacementError, ActorStartError, NameTakenError, RemoteError (a name, and the leader cannot be reached)
   */
  async create(van: string, wanted: ActorRequest, caller: Caller): Promise<ActorAddress> {
    const request = { ...wanted, module: urlOf(wanted.module) }
    const { name, parent } = request
    const { id: asking } = this.#backbone.members.self
    const existing = name === undefined ? undefined : this.here.named(van, name)
    if (existing !== undefined) return sameActor(foundOf(existing, asking), request).self
    const ticket = this.#tickets.issue(caller.isLocalUser)
    const coordinator = parent === undefined ? undefined : this.here.groups.coordinatorOf(van, parent)
    const parentAt = coordinator ?? asking
    try {
      const bornOf = parent === undefined ? undefined : { incarnation: caller.client, host: asking }
      const placed = await this.#place({ van, request, asking, ticket, parentAt, bornOf })
      if (placed.isNew && parent !== undefined && placed.host !== parentAt)
        await this.#parentLinks.adopt(parentAt, parent, { van, ...placed, bornOf })
      return placed.self
    } finally {
      this.#tickets.redeem(ticket)
    }
  }

  /** Waits for a placement of that name that is under way. @throws RemoteError if the leader cannot be reached */
  async find(van: string, name: string): Promise<ActorAddress | undefined> {
    const own = await this.here.find(van, name)
    if (own !== undefined) return own.self
    return this.#backbone.requestLeader('actors.find', { van, name })
  }

  /**
   * Stops it and its children when its messages in hand are done. False when there is none.
   *
   * @throws RemoteError, TimeoutError: a host that may have it cannot be reached, or was lost meanwhile
   */
  async stop(van: string, id: string): Promise<boolean> {
    if (await this.here.stop(van, id)) return true
    const answers = await askOthers(this.#backbone, 'actors.stop', { van, id })
    if (answers.some(answer => answer.status === 'fulfilled' && answer.value)) return true
    throwFirst(answers, () => false)
    // Its coordinator was not among the hosts that answered.
    if (this.here.groups.coordinatorOf(van, id) !== undefined) throw noSuchHost(LEADER)
    return false
  }

  /**
   * The actor consumes a named subscription from now on, instead of its consumers so far.
   *
   * @throws ActorStoppedError, InvalidPatternError
   */
  async subscribe(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    // This host knows its principals itself.
    if (this.here.has(van, id)) return this.#subscribeHere(van, name, id, { ...request, sight: undefined })
    const ofName = { ...request, name }
    const answers = await askOthers(this.#backbone, 'actors.subscribe', { van, name, id, request: ofName })
    if (answers.some(({ status }) => status === 'fulfilled')) return
    throwFirst(answers, error => error instanceof ActorStoppedError)
    throw noSuchActor(id)
  }

  async #subscribeHere(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    await this.here.subscribe(van, name, id, request)
    await this.#options.handlers?.unregister(van, name)
    await this.#options.van(van).reach.ask(UNREGISTER, { name })
  }

  /** The leader places actors with names, and those with several instances. */
  async #place(wanted: Wanted): Promise<Placed & { isNew: boolean }> {
    const { name, instances } = wanted.request
    if (name !== undefined) return this.#backbone.requestLeader('actors.place', wanted)
    const leader = this.#backbone.members.list().find(each => each.leader)
    if (instances === 1 || leader === undefined)
      return { ...(await this.#placing.place(wanted)), isNew: true }
    const id = newActorId(true)
    try {
      return await this.#backbone.requestLeader('actors.place', { ...wanted, id })
    } catch (error) {
      // It may exist, and no caller will use it.
      if (error instanceof RemoteError || error instanceof TimeoutError)
        this.#parentLinks.discard({ van: wanted.van, self: { id }, host: leader.id })
      throw error
    }
  }
}

/** When the leader is back: it may have given names to handlers and actors of other hosts. */
function namesOf({ here, handlers, backbone }: ActorDirectoryOptions) {
  return {
    came: (host: string): void => {
      if (!backbone.members.list().some(({ id, leader }) => leader && id === host)) return
      if (host === backbone.members.self.id) return
      here.reclaim()
      handlers?.reclaim()
    },
    gone: (): void => undefined,
  }
}

function watchHosts(
  parts: readonly { came(host: string): void; gone(host: string): void }[],
  { backbone, patience }: ActorDirectoryOptions,
): HostWatch {
  const each = (event: 'came' | 'gone') => (host: string) => {
    for (const part of parts) part[event](host)
  }
  return new HostWatch(backbone.members, { came: each('came'), gone: each('gone') }, patience)
}

function urlOf(module: string): string {
  try {
    return moduleUrl(module)
  } catch (error) {
    throw error instanceof HandlerModuleError ? new ActorStartError(error.message, { cause: error }) : error
  }
}
