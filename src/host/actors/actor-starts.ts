import { newId } from '../../message/new-id.js'
import type { ExitReason } from '../../workers/definition/actor.js'
import { notPlaced } from '../../workers/definition/refusals.js'
import { missing } from '../../workers/definition/requirements.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import { ActorStoppedError, ClosedError, describe } from '../../errors.js'
import { SHARED } from '../../message/topic.js'
import type { ModuleRoots } from '../handlers/module-roots.js'
import type { ActorEnds } from './actor-ends.js'
import type { ActorHost, Relations, StartOptions } from './actor-host.js'
import type { ActorSubscriptions } from './actor-subscriptions.js'
import type { ActorTable } from './actor-table.js'
import { LocalInstances } from './local-instances.js'
import { openMailbox } from './mailbox.js'
import type { BornOf } from '../../wire/calls/placing.js'
import { label, type ActorInstances, type RunningActor } from './running-actor.js'

export interface ActorStartsOptions {
  readonly host: ActorHost
  readonly roots: Pick<ModuleRoots, 'resolve'>
  readonly table: ActorTable
  readonly subscriptions: ActorSubscriptions
  readonly ends: ActorEnds
  readonly relations: () => Relations | undefined
  /** Whether this worker, which creates a child, has ended. */
  readonly isOver: (bornOf: BornOf | undefined) => boolean
  /** A worker of the actor has ended. Resolves when its children have. */
  readonly instanceEnded: (actor: string, incarnation: string) => Promise<void>
  /** Keeps the actor beyond the life of its host. */
  readonly keep: (actor: RunningActor) => Promise<void>
}

/** Starts the actors of one host. */
export class ActorStarts {
  readonly #options: ActorStartsOptions

  constructor(options: ActorStartsOptions) {
    this.#options = options
  }

  /** The requirement that this host does not meet, as far as that is known before the class is loaded. */
  lacks(requires: CapabilityValues): string | undefined {
    return missing(requires, this.#options.host.capabilities())
  }

  /** @throws as `Actors.start` */
  async start(van: string, wanted: ActorRequest, options: StartOptions): Promise<ActorAddress> {
    const { table, host, ends } = this.#options
    const { isLocalUser, id = newActorId(), isAgain = false, parentHost, bornOf, spread } = options
    const { name } = wanted
    const self: ActorAddress = { id, ...(name === undefined ? {} : { name }) }
    this.#check(van, wanted, parentHost, bornOf)
    const request = spread === undefined ? await this.#loadable(wanted, isLocalUser) : wanted
    // The parent may have ended meanwhile.
    this.#check(van, wanted, parentHost, bornOf)
    const actor: RunningActor = {
      ...{ van, self, request, isLocalUser, parentHost, bornOf, isUp: false, ending: undefined },
      instances: this.#instances(van, self, request, options, {
        endSoon: (reason, detail) => ends.endSoon(actor, reason, detail),
        unfitAgain: lacks => this.#leaveForLater(actor, lacks),
      }),
    }
    table.add(actor)
    host.modulesChanged?.()
    const numbers = Array.from({ length: request.instances }, (_, index) => index + 1)
    return isAgain ? this.#startAgain(actor, numbers) : this.#startNew(actor, numbers)
  }

  #instances(
    van: string,
    self: ActorAddress,
    request: ActorRequest,
    { isLocalUser, spread, isAgain = false }: StartOptions,
    events: {
      readonly endSoon: (reason: ExitReason, detail: string) => void
      readonly unfitAgain: (lacks: string) => void
    },
  ): ActorInstances {
    const { host, subscriptions, relations, instanceEnded } = this.#options
    const { endSoon, unfitAgain } = events
    const shared = { van, self, request, subscriptions: () => subscriptions.named(self.id), endSoon }
    return (
      (spread && relations()?.spread(shared, spread)) ??
      new LocalInstances(host, {
        ...{ van, self, request, isLocalUser, endSoon },
        consumed: () => subscriptions.consumed(self.id),
        instanceEnded: incarnation => instanceEnded(self.id, incarnation),
        ...(isAgain ? { unfitAgain } : {}),
      })
    )
  }

  async #startNew(actor: RunningActor, numbers: readonly number[]): Promise<ActorAddress> {
    const { host, ends, keep } = this.#options
    const { van, self, request, instances } = actor
    try {
      await instances.start(numbers, () => openMailbox(host.broker(van), self.id, request.attempts))
    } catch (error) {
      await ends.end(actor, 'stopped', 'it could not be set up')
      throw error
    }
    if (actor.ending !== undefined)
      throw new ActorStoppedError(`Actor ${label(self)} was stopped during its setup.`)
    actor.isUp = true
    try {
      await keep(actor)
    } catch (error) {
      // Its caller gets no actor: a second `create` must not find one that the next host would not have.
      ends.endSoon(actor, 'stopped', 'its host could not keep it')
      throw error
    }
    return self
  }

  /** The actor exists from now on. If it does not start, that is a crash, and its messages go on waiting. */
  async #startAgain(actor: RunningActor, numbers: readonly number[]): Promise<ActorAddress> {
    const { host, keep } = this.#options
    actor.isUp = true
    await actor.instances.startAgain(numbers).catch((error: unknown) => {
      if (actor.ending === undefined)
        host.warn(`actor ${label(actor.self)} waits for a host: ${describe(error)}`)
    })
    await keep(actor)
    return actor.self
  }

  #leaveForLater(actor: RunningActor, lacks: string): void {
    if (actor.ending !== undefined) return
    this.#options.host.warn(`actor ${label(actor.self)} did not start again: its host has no ${lacks}`)
    actor.isForLater = true
    this.#options.ends.endSoon(actor, 'unfit', `its host has no ${lacks}`)
  }

  /** The request, with the resolved module. @throws ActorPlacementError, HandlerModuleError */
  async #loadable(wanted: ActorRequest, isLocalUser: boolean): Promise<ActorRequest> {
    const lacks = this.lacks(wanted.requires) ?? lacksPrincipal(wanted, this.#options.host)
    if (lacks !== undefined) throw notPlaced(wanted, lacks, wanted.requires)
    return { ...wanted, module: await this.#options.roots.resolve(wanted.module, isLocalUser) }
  }

  /** @throws ClosedError, ActorStoppedError */
  #check(van: string, { parent }: ActorRequest, parentHost: string | undefined, bornOf?: BornOf): void {
    const { ends, isOver, table } = this.#options
    if (ends.isStopping) throw new ClosedError('The host is stopping. Create the actor when it is back.')
    if (parent === undefined) return
    const isGone = parentHost === undefined && table.lasting(van, parent) === undefined
    if (isOver(bornOf) || isGone) throw parentStopped(parent)
  }
}

/** A host that does not know the principal of an actor cannot give its code the right rights. */
export function lacksPrincipal(
  { principal }: ActorRequest,
  host: Pick<ActorHost, 'knowsPrincipal'>,
): string | undefined {
  const isKnown = principal === undefined || host.knowsPrincipal?.(principal) === true
  return isKnown ? undefined : `principal ${JSON.stringify(principal)}`
}

/** An id as hard to guess as a secret. @param isShared the actor's instances may be on several hosts */
export function newActorId(isShared = false): string {
  return `${isShared ? SHARED : ''}${newId()}`
}

export function parentStopped(parent: string): ActorStoppedError {
  return new ActorStoppedError(`Actor ${parent} has stopped, so it cannot create children.`)
}
