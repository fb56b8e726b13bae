import type { ExitReason } from '../../../workers/definition/actor.js'
import { titleOf } from '../../../workers/definition/refusals.js'
import { MAILBOX } from '../../../message/topic.js'
import type { Backbone } from '../../backbone/contract/backbone.js'
import { inTime } from '../../backbone/host-requests.js'
import type { GotRequest, SentRequest } from '../../../wire/calls/host-requests.js'
import type { InstanceGroup, Relations, Spread, SpreadActor } from '../actor-host.js'
import { consumedOf } from '../actor-subscriptions.js'
import type { Actors } from '../actors.js'
import type { KeptActor } from '../kept-actor.js'
import { refusalOf } from './found.js'
import { ClusterInstances } from './cluster-instances.js'
import type { Tickets } from './tickets.js'

export interface InstanceCoordinatorOptions {
  readonly here: Actors
  readonly backbone: Backbone
  readonly tickets: Tickets
  /** Fails the messages of a named subscription that were at a lost host. */
  readonly failHeldBy: (van: string, host: string, name: string) => void
  /** Resolves when the leader has all verdicts of this host, or is away. */
  readonly settled: (van: string) => void | Promise<void>
}

const NOTICE_MS = 5_000

/**
 * Coordinates actors with instances on several hosts. The coordinator of such an actor is the leader, which has its mailbox and its
 * `ClusterInstances`. Each host supervises its own instances. After a cut, the coordinator asks each host whether it still has
 * instances, and each host asks the coordinator whether its instances are still wanted.
 */
export class InstanceCoordinator implements Pick<
  Relations,
  'spread' | 'spreadAgain' | 'groupEnded' | 'groupInstanceEnded'
> {
  readonly #options: InstanceCoordinatorOptions
  /** The actors that this host coordinates, by id. */
  readonly #actors = new Map<string, ClusterInstances>()

  constructor(options: InstanceCoordinatorOptions) {
    this.#options = options
    this.#serve()
  }

  spread(actor: SpreadActor, spread: Spread): ClusterInstances {
    const { backbone, failHeldBy } = this.#options
    const { van, self } = actor
    const instances: ClusterInstances = new ClusterInstances(actor, spread, {
      backbone,
      failHeldBy: host => {
        const names = actor.subscriptions().map(({ name }) => name)
        for (const name of [MAILBOX + self.id, ...names]) failHeldBy(van, host, name)
      },
      ended: () => {
        if (this.#actors.get(self.id) === instances) this.#actors.delete(self.id)
      },
    })
    this.#actors.set(self.id, instances)
    return instances
  }

  spreadAgain({ isLocalUser, hosts = [] }: KeptActor): Spread {
    const { backbone, tickets } = this.#options
    return { asking: backbone.members.self.id, ticket: tickets.issue(isLocalUser), awaited: hosts }
  }

  async groupEnded(id: string, group: InstanceGroup, reason: ExitReason, detail: string): Promise<void> {
    await this.#notify(group, 'actors.crewEnded', { van: group.van, self: { id }, reason, detail })
  }

  async groupInstanceEnded(id: string, group: InstanceGroup, incarnation: string): Promise<void> {
    await this.#notify(group, 'actors.bereft', { van: group.van, self: { id }, incarnation })
  }

  came(host: string): void {
    for (const instances of this.#actors.values()) instances.came(host).catch(() => undefined)
    for (const group of this.#options.here.groups.coordinatedBy(host))
      void this.#stopUnlessWanted(host, group)
  }

  gone(host: string): void {
    for (const instances of [...this.#actors.values()]) instances.gone(host)
    for (const group of this.#options.here.groups.coordinatedBy(host)) void this.#abandon(group)
  }

  /** A coordinator that cannot be reached treats this host as gone, with its workers, or is gone itself. */
  async #notify<N extends 'actors.crewEnded' | 'actors.bereft'>(
    { coordinator }: InstanceGroup,
    name: N,
    args: SentRequest<N>,
  ): Promise<void> {
    const answer = this.#options.backbone.request(coordinator, name, args)
    await inTime(answer, NOTICE_MS, `Host ${coordinator}`).catch(() => undefined)
  }

  async #stopUnlessWanted(coordinator: string, { van, id }: { van: string; id: string }): Promise<void> {
    const { here, backbone } = this.#options
    const answer = backbone.request(coordinator, 'actors.crewWanted', { van, self: { id } })
    const isWanted = await inTime(answer, NOTICE_MS, `Host ${coordinator}`).catch(() => true)
    if (!isWanted) await here.groups.stop(van, id)
  }

  /** Its coordinator is gone, with the mailbox. These instances may have made a new mailbox at the next leader, without knowing. */
  async #abandon({ van, id }: { van: string; id: string }): Promise<void> {
    const { here, backbone } = this.#options
    await here.groups.stop(van, id)
    await backbone.requestLeader('actors.abandoned', { van, self: { id } }).catch(() => undefined)
  }

  #serve(): void {
    const { here, backbone, settled } = this.#options
    backbone.serve('actors.crew', (order, from) => this.#start(order, from).catch(refusalOf))
    backbone.serve('actors.crewStop', async ({ van, self: { id } }, from) => {
      const wasThere = await here.groups.stop(van, id)
      // The mailbox has the last verdicts before its messages become dead letters.
      if (wasThere && from !== backbone.members.self.id) await settled(van)
      return wasThere
    })
    backbone.serve('actors.crewSubscribe', async ({ van, self: { id }, subscriptions }): Promise<true> => {
      await here.groups.subscribe(van, id, consumedIn(subscriptions))
      return true
    })
    backbone.serve(
      'actors.crewThere',
      ({ van, self: { id } }) => here.groups.coordinatorOf(van, id) === backbone.members.self.id,
    )
    backbone.serve('actors.crewWanted', ({ self: { id } }, from) => this.#actors.get(id)?.isOn(from) ?? false)
    backbone.serve('actors.crewEnded', ({ self: { id }, reason, detail }, from) => {
      this.#actors.get(id)?.left(from, reason, detail)
      return true
    })
    backbone.serve('actors.bereft', async ({ self: { id }, incarnation }): Promise<true> => {
      await here.instanceEnded(id, incarnation)
      return true
    })
    backbone.serve('actors.abandoned', ({ van, self: { id } }) => {
      if (here.has(van, id)) return false
      void here.retire(van, MAILBOX + id, `Actor ${id} has ended: the host that coordinated it is gone.`)
      return true
    })
  }

  async #start(order: GotRequest<'actors.crew'>, coordinator: string): Promise<true> {
    const { here, tickets } = this.#options
    const { van, self, request, numbers, ticket, within, isAgain } = order
    const started = here.groups.start({
      ...{ van, self, request, coordinator, numbers, isAgain },
      isLocalUser: tickets.redeem(ticket),
      subscriptions: consumedIn(order.subscriptions),
    })
    if (within === undefined) await started
    else {
      try {
        await inTime(started, within, `Actor ${titleOf(request)}`)
      } catch (error) {
        // If it is late, no instance stays here, and the coordinator places all again.
        started.catch(() => undefined)
        throw error
      }
    }
    return true
  }
}

function consumedIn(
  subscriptions: GotRequest<'actors.crew'>['subscriptions'],
): ReturnType<typeof consumedOf>[] {
  return subscriptions.map(request => consumedOf(request.name, request))
}
