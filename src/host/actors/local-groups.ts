import type { ExitReason } from '../../actors/definition/actor.js'
import { notPlaced } from '../../actors/definition/refusals.js'
import { missing } from '../../actors/definition/requirements.js'
import type { Consumed } from '../../actors/worker-messages.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import { ClosedError } from '../../errors.js'
import type { ModuleRoots } from '../handlers/module-roots.js'
import type { ActorHost } from './actor-host.js'
import { LocalInstances } from './local-instances.js'
import { label } from './running-actor.js'

/** Instances that another host, or this one as the leader, wants here. */
export interface InstanceGroupOptions {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly numbers: readonly number[]
  /** The host that keeps the actor. */
  readonly keeper: string
  readonly isLocalUser: boolean
  readonly subscriptions: readonly Consumed[]
  /** The actor ran before its keeper began anew: what goes wrong is a crash like any other. */
  readonly isAgain: boolean
}

interface Hired {
  readonly van: string
  readonly keeper: string
  readonly isLocalUser: boolean
  readonly crew: LocalInstances
  subscriptions: readonly Consumed[]
  ending: Promise<void> | undefined
}

/** The crews here of actors that are on several hosts: each supervised here, and kept by the leader. */
export class InstanceGroups {
  /** Set by whoever knows the keepers: a crew has ended by itself, or with its host. */
  ended: ((id: string, crew: { van: string; keeper: string }, reason: ExitReason, detail: string) => Promise<void>) | undefined // prettier-ignore
  /** As `ended`: a worker has, with whose end its children end. */
  bereft: ((id: string, crew: { van: string; keeper: string }, incarnation: string) => Promise<void>) | undefined // prettier-ignore
  readonly #host: ActorHost
  readonly #roots: ModuleRoots
  readonly #hired = new Map<string, Hired>()
  #isStopping = false

  constructor(host: ActorHost, roots: ModuleRoots) {
    this.#host = host
    this.#roots = roots
  }

  get all(): LocalInstances[] {
    return [...this.#hired.values()].map(({ crew }) => crew)
  }

  status(van: string, host: string): ActorStatus[] {
    return this.all.filter(crew => crew.van === van).flatMap(crew => crew.status(host))
  }

  /** The host that keeps that actor, if it has a crew here. */
  keeperOf(van: string, id: string): string | undefined {
    const hired = this.#hired.get(id)
    return hired?.van === van ? hired.keeper : undefined
  }

  /** So many instances of that actor are here that end when this keeper wants some of it: they are of a keeper before it. */
  leftBehind(id: string, keeper: string): number {
    const hired = this.#hired.get(id)
    return hired === undefined || hired.keeper === keeper ? 0 : hired.crew.size
  }

  /** Those whose actors that host keeps. */
  keptBy(keeper: string): { van: string; id: string }[] {
    return [...this.#hired].flatMap(([id, hired]) =>
      hired.keeper === keeper ? [{ van: hired.van, id }] : [],
    )
  }

  /**
   * Resolves when they are set up and take messages. Nothing of them stays if one cannot be.
   *
   * @throws ActorPlacementError, ActorStartError, HandlerModuleError, ClosedError
   */
  async start(order: InstanceGroupOptions): Promise<void> {
    const { self, request, numbers } = order
    if (this.#isStopping) throw new ClosedError('The host is stopping. Create the actor when it is back.')
    const lacks = missing(request.requires, this.#host.capabilities())
    if (lacks !== undefined) throw notPlaced(request, lacks, request.requires)
    const there = this.#hired.get(self.id)
    // Of a keeper before this one, which is gone.
    if (there !== undefined && there.keeper !== order.keeper) await this.stop(order.van, self.id)
    const hired = this.#hired.get(self.id) ?? (await this.#hire(order))
    try {
      if (order.isAgain) await hired.crew.startAgain(numbers)
      else await hired.crew.start(numbers, () => undefined)
    } catch (error) {
      if (hired.crew.size === 0) this.#forget(self.id, hired)
      throw error
    }
  }

  /** False if there is none. */
  async stop(van: string, id: string): Promise<boolean> {
    const hired = this.#hired.get(id)
    if (hired?.van !== van) return false
    hired.ending ??= hired.crew.stop().finally(() => this.#forget(id, hired))
    await hired.ending
    return true
  }

  async subscribe(van: string, id: string, subscriptions: readonly Consumed[]): Promise<void> {
    const hired = this.#hired.get(id)
    if (hired?.van !== van) return
    hired.subscriptions = subscriptions
    await hired.crew.tellSubscriptions()
  }

  async stopAll(): Promise<void> {
    this.#isStopping = true
    await Promise.allSettled(
      [...this.#hired].map(([id, hired]) => this.#end(id, hired, 'stopped', 'its host ended')),
    )
  }

  async #hire({
    van,
    self,
    request,
    keeper,
    isLocalUser,
    subscriptions,
  }: InstanceGroupOptions): Promise<Hired> {
    const module = await this.#roots.resolve(request.module, isLocalUser)
    const hired: Hired = {
      ...{ van, keeper, isLocalUser, subscriptions, ending: undefined },
      crew: new LocalInstances(this.#host, {
        ...{ van, self, request: { ...request, module } },
        consumed: () => [...hired.subscriptions],
        bereft: async incarnation => this.bereft?.(self.id, hired, incarnation),
        endSoon: (reason, detail) => {
          this.#end(self.id, hired, reason, detail).catch((error: unknown) =>
            this.#host.log.error(`actor ${label(self)} could not be stopped`, error),
          )
        },
      }),
    }
    this.#hired.set(self.id, hired)
    this.#host.modulesChanged?.()
    return hired
  }

  async #end(id: string, hired: Hired, reason: ExitReason, detail: string): Promise<void> {
    if (hired.ending === undefined) {
      await this.stop(hired.van, id)
      await this.ended?.(id, hired, reason, detail)
    } else await hired.ending
  }

  #forget(id: string, hired: Hired): void {
    if (this.#hired.get(id) === hired) this.#hired.delete(id)
    this.#host.modulesChanged?.()
  }
}
