import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest } from '../../bus/contract/actors.js'
import { describe, NameTakenError } from '../../errors.js'
import { SHARED } from '../../message/topic.js'
import type { NamedRequest } from '../van/names-file.js'
import type { ActorEnds } from './actor-ends.js'
import type { ActorHost, Relations, StartOptions } from './actor-host.js'
import type { ActorSubscriptions } from './actor-subscriptions.js'
import type { ActorTable } from './actor-table.js'
import type { KeptActor } from './kept-actor.js'
import { openMailbox } from './mailbox.js'
import { label, type RunningActor } from './running-actor.js'

export interface ActorReturnsOptions {
  readonly host: ActorHost
  readonly table: ActorTable
  readonly subscriptions: ActorSubscriptions
  readonly ends: Pick<ActorEnds, 'isStopping'>
  readonly relations: () => Relations | undefined
  readonly start: (van: string, request: ActorRequest, options: StartOptions) => Promise<ActorAddress>
  /** Keeps the actor and its subscriptions beyond the life of its host. */
  readonly keep: (actor: RunningActor) => Promise<void>
}

/** Actors that are back: those of the previous host, and those whose host was cut off from the names. */
export class ActorReturns {
  readonly #options: ActorReturnsOptions
  /** Actors of the previous host that are not in the table again yet. */
  readonly #restoring = new Map<string, KeptActor>()

  constructor(options: ActorReturnsOptions) {
    this.#options = options
  }

  /** Those that do not run here yet: the next host starts them, if this one ends now. */
  besides(running: readonly KeptActor[]): KeptActor[] {
    const ids = new Set(running.map(({ id }) => id))
    return [...this.#restoring.values()].filter(({ id }) => !ids.has(id))
  }

  async restore(kept: KeptActor): Promise<void> {
    const { host, subscriptions, relations, start, ends } = this.#options
    const { van, id, request, isLocalUser } = kept
    openMailbox(host.broker(van), id, request.attempts)
    // Before its start, which writes its record: the host may die at any moment.
    const consumed = subscriptions.restore(id, kept.subscriptions ?? [], text => host.warn(text))
    for (const each of consumed) this.#takeBackSoon(van, id, each)
    const spread = id.startsWith(SHARED) ? relations()?.spreadAgain(kept) : undefined
    this.#restoring.set(id, kept)
    try {
      await start(van, request, { isLocalUser, id, spread, isAgain: true })
    } finally {
      // This host may end first, and leaves it to the next one.
      if (!ends.isStopping) this.#restoring.delete(id)
    }
  }

  /** The host with the names was away: it may have given some to others. */
  reclaim(): void {
    const { host, table, subscriptions } = this.#options
    for (const { van, self } of table.all) {
      for (const [name, request] of subscriptions.of(self.id)) {
        if (request.servedSince === undefined) continue
        this.#takeBack(van, self.id, { ...request, name }).catch((error: unknown) => {
          if (error instanceof NameTakenError) host.warn(`actor ${label(self)}: ${error.message}`)
        })
      }
    }
  }

  /** Does not wait: the host of the name may be away. */
  #takeBackSoon(van: string, id: string, request: NamedRequest): void {
    const { host, table } = this.#options
    this.#takeBack(van, id, request).catch((error: unknown) => {
      if (table.lasting(van, id) !== undefined)
        host.warn(`subscription ${request.name} of actor ${id} did not start again: ${describe(error)}`)
    })
  }

  /** @throws NameTakenError if another one got the name since: the actor does not consume it any more */
  async #takeBack(van: string, id: string, request: NamedRequest): Promise<void> {
    const { host, table, subscriptions, keep } = this.#options
    try {
      await host.replace(van, request)
    } catch (error) {
      const { name, servedSince } = request
      const isStillIts = subscriptions.of(id).get(name)?.servedSince === servedSince
      if (error instanceof NameTakenError && isStillIts) {
        subscriptions.remove(id, name)
        const actor = table.get(van, id)
        await actor?.instances.updateSubscriptions()
        if (actor !== undefined) await keep(actor)
      }
      throw error
    }
  }
}
