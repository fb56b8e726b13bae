import type { ExitReason } from '../../workers/definition/actor.js'
import { notPlaced } from '../../workers/definition/refusals.js'
import { missing } from '../../workers/definition/requirements.js'
import type { Consumed } from '../../workers/worker-messages.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import { ClosedError } from '../../errors.js'
import type { ModuleRoots } from '../handlers/module-roots.js'
import type { ActorHost, InstanceGroup, Relations } from './actor-host.js'
import { lacksPrincipal } from './actor-starts.js'
import { LocalInstances } from './local-instances.js'
import { label } from './running-actor.js'

/** An order of the coordinator, which is another host or this one, to start instances here. */
export interface InstanceGroupOptions extends InstanceGroup {
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly numbers: readonly number[]
  readonly isLocalUser: boolean
  readonly subscriptions: readonly Consumed[]
  /** The actor ran before its coordinator restarted: a failure is a crash, after which it starts again. */
  readonly isAgain: boolean
}

interface Group extends InstanceGroup {
  readonly instances: LocalInstances
  subscriptions: readonly Consumed[]
  ending: Promise<void> | undefined
}

/** The instances here of actors that are on several hosts. This host supervises them, and the leader coordinates them. */
export class InstanceGroups {
  readonly #host: ActorHost
  readonly #roots: Pick<ModuleRoots, 'resolve'>
  readonly #relations: () => Relations | undefined
  readonly #groups = new Map<string, Group>()
  #isStopping = false

  constructor(host: ActorHost, roots: Pick<ModuleRoots, 'resolve'>, relations: () => Relations | undefined) {
    this.#host = host
    this.#roots = roots
    this.#relations = relations
  }

  get all(): LocalInstances[] {
    return [...this.#groups.values()].map(({ instances }) => instances)
  }

  status(van: string, host: string): ActorStatus[] {
    return this.all.filter(instances => instances.van === van).flatMap(instances => instances.status(host))
  }

  /** The id of the host that coordinates that actor, if it has instances here. */
  coordinatorOf(van: string, id: string): string | undefined {
    const group = this.#groups.get(id)
    return group?.van === van ? group.coordinator : undefined
  }

  /** The number of instances of an earlier coordinator, which end when this one starts some. */
  leftBehind(id: string, coordinator: string): number {
    const group = this.#groups.get(id)
    return group === undefined || group.coordinator === coordinator ? 0 : group.instances.size
  }

  /** The groups that this host coordinates. */
  coordinatedBy(coordinator: string): { van: string; id: string }[] {
    return [...this.#groups].flatMap(([id, group]) =>
      group.coordinator === coordinator ? [{ van: group.van, id }] : [],
    )
  }

  /**
   * Resolves when all are set up and accept messages. If one fails, none stays.
   *
   * @throws ActorPlacementError, ActorStartError, HandlerModuleError, ClosedError
   */
  async start(order: InstanceGroupOptions): Promise<void> {
    const { self, request, numbers } = order
    if (this.#isStopping) throw new ClosedError('The host is stopping. Create the actor when it is back.')
    const lacks = missing(request.requires, this.#host.capabilities()) ?? lacksPrincipal(request, this.#host)
    if (lacks !== undefined) throw notPlaced(request, lacks, request.requires)
    const there = this.#groups.get(self.id)
    // They are of an earlier coordinator, which is gone.
    if (there !== undefined && there.coordinator !== order.coordinator) await this.stop(order.van, self.id)
    const group = this.#groups.get(self.id) ?? (await this.#open(order))
    try {
      if (order.isAgain) await group.instances.startAgain(numbers)
      else await group.instances.start(numbers, () => undefined)
    } catch (error) {
      if (group.instances.size === 0) this.#forget(self.id, group)
      throw error
    }
  }

  /** @returns false if there is none */
  async stop(van: string, id: string): Promise<boolean> {
    const group = this.#groups.get(id)
    if (group?.van !== van) return false
    group.ending ??= group.instances.stop().finally(() => this.#forget(id, group))
    await group.ending
    return true
  }

  async subscribe(van: string, id: string, subscriptions: readonly Consumed[]): Promise<void> {
    const group = this.#groups.get(id)
    if (group?.van !== van) return
    group.subscriptions = subscriptions
    await group.instances.updateSubscriptions()
  }

  async stopAll(): Promise<void> {
    this.#isStopping = true
    await Promise.allSettled(
      [...this.#groups].map(([id, group]) => this.#end(id, group, 'stopped', 'its host ended')),
    )
  }

  async #open({
    van,
    self,
    request,
    coordinator,
    isLocalUser,
    subscriptions,
  }: InstanceGroupOptions): Promise<Group> {
    const module = await this.#roots.resolve(request.module, isLocalUser)
    const group: Group = {
      ...{ van, coordinator, subscriptions, ending: undefined },
      instances: new LocalInstances(this.#host, {
        ...{ van, self, request: { ...request, module }, isLocalUser },
        consumed: () => [...group.subscriptions],
        instanceEnded: async incarnation =>
          this.#relations()?.groupInstanceEnded(self.id, group, incarnation),
        endSoon: (reason, detail) => {
          this.#end(self.id, group, reason, detail).catch((error: unknown) =>
            this.#host.log.error(`actor ${label(self)} could not be stopped`, error),
          )
        },
      }),
    }
    this.#groups.set(self.id, group)
    this.#host.modulesChanged?.()
    return group
  }

  async #end(id: string, group: Group, reason: ExitReason, detail: string): Promise<void> {
    if (group.ending === undefined) {
      await this.stop(group.van, id)
      await this.#relations()?.groupEnded(id, group, reason, detail)
    } else await group.ending
  }

  #forget(id: string, group: Group): void {
    if (this.#groups.get(id) === group) this.#groups.delete(id)
    this.#host.modulesChanged?.()
  }
}
