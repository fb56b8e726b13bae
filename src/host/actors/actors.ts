import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { ChildExit, ExitReason } from '../../actors/definition/actor.js'
import { notPlaced } from '../../actors/definition/refusals.js'
import { missing } from '../../actors/definition/requirements.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import { ActorStoppedError, ClosedError, describe } from '../../errors.js'
import { SHARED } from '../../message/topic.js'
import { encodeRequest } from '../../wire/frames/subscription-request.js'
import type { ModuleRoots } from '../handlers/module-roots.js'
import { OneAtATime } from '../process/one-at-a-time.js'
import type { KeptActor } from './kept-actor.js'
import type { ActorHost, Relations, Spread, SpreadActor, StartOptions } from './actor-host.js'
import type { BornOf } from './parent.js'
import { ActorEnds } from './actor-ends.js'
import { ActorSubscriptions } from './actor-subscriptions.js'
import { LocalInstances } from './local-instances.js'
import { InstanceGroups } from './local-groups.js'
import { openMailbox, tellOfChild } from './mailbox.js'
import { label, type Cast, type RunningActor } from './running-actor.js'

/** So many workers that have ended are remembered: a child may be on its way for as long as it takes to place it. */
const ENDED_REMEMBERED = 10_000

/**
 * The actors that one host keeps, and its crews of those that the leader keeps. An actor is a consumer of its mailbox: the named
 * subscription on the topic of the same name.
 */
export class Actors {
  /** Set by whoever knows other hosts. */
  relations: Relations | undefined
  /** Of actors that are on several hosts, what is here. */
  readonly crews: InstanceGroups
  readonly #host: ActorHost
  readonly #roots: ModuleRoots
  readonly #actors = new Map<string, RunningActor>()
  /** Those with names that are being made. */
  readonly #starts = new OneAtATime()
  readonly #subscriptions = new ActorSubscriptions()
  readonly #ends: ActorEnds
  /** Workers that have ended, by their client ids. */
  readonly #over = new LRUCache<string, true>({ max: ENDED_REMEMBERED })

  constructor(host: ActorHost, roots: ModuleRoots) {
    this.#host = host
    this.#roots = roots
    this.crews = new InstanceGroups(host, roots)
    this.#ends = new ActorEnds({
      host,
      subscriptions: this.#subscriptions,
      relations: () => this.relations,
      childrenOf: parent => [...this.#actors.values()].filter(({ request }) => request.parent === parent),
      gone: ({ self }) => {
        this.#actors.delete(self.id)
        host.modulesChanged?.()
      },
      tellParent: (...exit) => this.tellParent(...exit),
    })
  }

  get size(): number {
    return this.#actors.size + this.crews.all.length
  }

  /** So many workers run: by this hosts are compared. */
  get load(): number {
    return this.#casts.reduce((sum, { size }) => sum + size, 0)
  }

  /** All that runs here. */
  get #casts(): Cast[] {
    return [...[...this.#actors.values()].map(({ cast }) => cast), ...this.crews.all]
  }

  /**
   * A new one that is set up and takes messages. That nobody else has its name is for the caller to know.
   *
   * @throws ActorPlacementError, ActorStartError, ActorStoppedError (its parent), HandlerModuleError, ClosedError
   */
  start(van: string, request: ActorRequest, options: StartOptions): Promise<ActorAddress> {
    const start = (): Promise<ActorAddress> => this.#start(van, request, options)
    // So that who looks for it meanwhile gets this one.
    return request.name === undefined ? start() : this.#starts.do(nameKey(van, request.name), start)
  }

  /** Why this host will not do, as far as that is known before the class is loaded. */
  lacks(requires: CapabilityValues): string | undefined {
    return missing(requires, this.#host.capabilities())
  }

  /** The actor of this host with that name. When one is being made, its end is waited for. */
  async find(van: string, name: string): Promise<RunningActor | undefined> {
    await this.#starts.over(nameKey(van, name))
    return this.named(van, name)
  }

  /** As it is at this moment. */
  named(van: string, name: string): RunningActor | undefined {
    return [...this.#actors.values()].find(
      actor => actor.isUp && actor.van === van && actor.self.name === name,
    )
  }

  /** It is there, and not ending. */
  has(van: string, id: string): boolean {
    const actor = this.#actors.get(id)
    return actor?.van === van && actor.ending === undefined
  }

  /**
   * With its children, and with what it has in hand done. False when there was none.
   *
   * @param isUnmissed its parent is not told
   */
  async stop(van: string, id: string, detail = 'it was stopped', isUnmissed = false): Promise<boolean> {
    const actor = this.#actors.get(id)
    if (actor?.van !== van) return false
    if (isUnmissed) actor.isUnmissed = true
    await this.#ends.end(actor, 'stopped', detail)
    return true
  }

  /** The host of their parents is gone, or of the instance of which they were born. */
  orphaned(host: string): void {
    for (const actor of this.#actors.values()) {
      if (actor.parentHost !== host && actor.bornOf?.host !== host) continue
      actor.isUnmissed = true
      this.#ends.endSoon(actor, 'stopped', "its parent's host is gone")
    }
  }

  /** A worker of that actor has ended. Resolves when its children have ended, wherever they are. */
  async bereft(parent: string, incarnation: string): Promise<void> {
    this.#over.set(incarnation, true)
    const children = [...this.#actors.values()].filter(
      ({ request, bornOf }) => request.parent === parent && bornOf?.incarnation === incarnation,
    )
    for (const child of children) child.isUnmissed = true
    await Promise.allSettled([
      ...children.map(child => this.#ends.end(child, 'stopped', 'its parent ended')),
      this.relations?.endChildren(parent, incarnation),
    ])
  }

  /** That worker has ended: what it was still creating is nobody's. */
  isOver(bornOf: BornOf | undefined): boolean {
    return bornOf !== undefined && this.#over.has(bornOf.incarnation)
  }

  /**
   * Has it get the messages of a named subscription, in place of whoever got them.
   *
   * @throws ActorStoppedError, InvalidPatternError
   */
  async subscribe(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    const actor = this.#actors.get(id)
    if (actor?.van !== van || actor.ending !== undefined) throw noSuchActor(id)
    await this.#host.replace(van, { ...request, name })
    await this.unsubscribe(van, name)
    this.#subscriptions.add(id, name, { ...request, from: undefined })
    await actor.cast.tellSubscriptions()
    await this.#keep(actor)
  }

  /** Resolves when no actor gets the messages of that subscription any more. */
  async unsubscribe(van: string, name: string): Promise<void> {
    const subscribed = [...this.#actors.values()].filter(
      actor => actor.van === van && this.#subscriptions.remove(actor.self.id, name),
    )
    await Promise.all(subscribed.map(({ cast }) => cast.tellSubscriptions()))
    await Promise.all(subscribed.map(actor => this.#keep(actor)))
  }

  /** What the host offers has changed: those who miss something now are stopped. */
  reconsider(): void {
    for (const cast of this.#casts) cast.reconsider()
  }

  status(van: string, host: string): ActorStatus[] {
    const kept = [...this.#actors.values()].filter(actor => actor.van === van)
    return [...kept.flatMap(({ cast }) => cast.status(host)), ...this.crews.status(van, host)]
  }

  async stopAll(): Promise<void> {
    this.#ends.isStopping = true
    await Promise.allSettled([
      ...[...this.#actors.values()].map(actor => this.#ends.end(actor, 'stopped', 'its host ended')),
      this.crews.stopAll(),
    ])
  }

  /** Which actor gets the messages of that subscription. */
  subscriberOf(van: string, name: string): string | undefined {
    const all = [...this.#actors.values()].filter(actor => actor.van === van)
    return all.find(({ self }) => this.#subscriptions.of(self.id).has(name))?.self.id
  }

  /** Those whose parents will not create them anew. */
  registered(): KeptActor[] {
    return [...this.#actors.values()]
      .filter(({ isUp, request }) => isUp && request.parent === undefined)
      .map(keptOf)
  }

  /** One of the host before this one, under its own id. */
  async restore(kept: KeptActor): Promise<void> {
    const { van, id, request, isLocalUser } = kept
    openMailbox(this.#host.broker(van), id, request.attempts)
    const spread = id.startsWith(SHARED) ? this.relations?.spreadAgain(kept) : undefined
    await this.start(van, request, { isLocalUser, id, spread, isAgain: true })
  }

  /** `file:` URLs of those that run. */
  get modules(): string[] {
    return this.#casts.flatMap(({ modules }) => modules)
  }

  /** Starts those of a module again that has changed. What does not load leaves the old one as it is. */
  async reload(module: string): Promise<void> {
    const changed = this.#casts.filter(({ modules }) => modules.includes(module))
    await Promise.all(changed.map(cast => cast.reload()))
  }

  /** Puts a letter into the mailbox of an actor of this host, if it is there and not ending. */
  tellParent(van: string, parent: string, exit: ChildExit): void {
    if (this.has(van, parent)) tellOfChild(this.#host.broker(van), parent, exit)
  }

  /** Where this host keeps a named subscription: what waits in it is given up. */
  retire(van: string, name: string, text: string): Promise<void> {
    return this.#host.broker(van).retire(name, text)
  }

  async #start(
    van: string,
    wanted: ActorRequest,
    { isLocalUser, id = newActorId(), isAgain = false, parentHost, bornOf, spread }: StartOptions,
  ): Promise<ActorAddress> {
    const { name } = wanted
    const self: ActorAddress = { id, ...(name === undefined ? {} : { name }) }
    this.#check(van, wanted, parentHost, bornOf)
    const request = spread === undefined ? await this.#loadable(wanted, isLocalUser) : wanted
    // Meanwhile it may have ended.
    this.#check(van, wanted, parentHost, bornOf)
    const endSoon = (reason: ExitReason, detail: string): void => this.#ends.endSoon(actor, reason, detail)
    const actor: RunningActor = {
      ...{ van, self, request, isLocalUser, parentHost, bornOf, isUp: false, ending: undefined },
      cast:
        this.#troupe({ van, self, request, subscriptions: () => this.#encoded(id), endSoon }, spread) ??
        new LocalInstances(this.#host, {
          van,
          self,
          request,
          consumed: () => this.#subscriptions.consumed(id),
          endSoon,
          bereft: incarnation => this.bereft(id, incarnation),
          ...(isAgain ? { unfitAgain: lacks => this.#leaveForLater(actor, lacks) } : {}),
        }),
    }
    this.#actors.set(id, actor)
    this.#host.modulesChanged?.()
    const numbers = Array.from({ length: request.instances }, (_, index) => index + 1)
    if (isAgain) return this.#startAgain(actor, numbers)
    try {
      await actor.cast.start(numbers, () => openMailbox(this.#host.broker(van), id, request.attempts))
    } catch (error) {
      await this.#ends.end(actor, 'stopped', 'it could not be set up')
      throw error
    }
    if (actor.ending !== undefined)
      throw new ActorStoppedError(`Actor ${label(self)} was stopped while it was set up.`)
    actor.isUp = true
    await this.#keep(actor)
    return self
  }

  /** It is there from now on: if it does not come to run, it has crashed, with what waits for it waiting on. */
  async #startAgain(actor: RunningActor, numbers: readonly number[]): Promise<ActorAddress> {
    actor.isUp = true
    const title = label(actor.self)
    await actor.cast.startAgain(numbers).catch((error: unknown) => {
      if (actor.ending === undefined) this.#host.warn(`actor ${title} waits for a host: ${describe(error)}`)
    })
    await this.#keep(actor)
    return actor.self
  }

  #leaveForLater(actor: RunningActor, lacks: string): void {
    if (actor.ending !== undefined) return
    this.#host.warn(`actor ${label(actor.self)} did not start again: its host has no ${lacks}`)
    actor.isForLater = true
    this.#ends.endSoon(actor, 'unfit', `its host has no ${lacks}`)
  }

  /** What this host is to load itself. @throws ActorPlacementError, HandlerModuleError */
  async #loadable(wanted: ActorRequest, isLocalUser: boolean): Promise<ActorRequest> {
    const lacks = this.lacks(wanted.requires)
    if (lacks !== undefined) throw notPlaced(wanted, lacks, wanted.requires)
    return { ...wanted, module: await this.#roots.resolve(wanted.module, isLocalUser) }
  }

  #troupe(actor: SpreadActor, spread: Spread | undefined): Cast | undefined {
    return spread && this.relations?.troupe(actor, spread)
  }

  #encoded(id: string): unknown[] {
    return [...this.#subscriptions.of(id)].map(([name, rules]) => encodeRequest({ ...rules, name }))
  }

  /** With what it gets. A child is made anew by its parent. */
  async #keep(actor: RunningActor): Promise<void> {
    const { van, self, request, isUp } = actor
    if (!isUp || request.parent !== undefined) return
    const subscriptions = this.#encoded(self.id)
    await this.#host.keepActor?.(van, self.id, { ...keptOf(actor), subscriptions })
  }

  #check(van: string, { parent }: ActorRequest, parentHost: string | undefined, bornOf?: BornOf): void {
    if (this.#ends.isStopping)
      throw new ClosedError('The host is stopping. Create the actor when it is back.')
    if (parent === undefined) return
    if (this.isOver(bornOf) || (parentHost === undefined && !this.has(van, parent)))
      throw new ActorStoppedError(`Actor ${parent} is stopped: it gets no more children.`)
  }
}

/** Hard to guess, as a secret is. @param isShared its instances may be on several hosts */
export function newActorId(isShared = false): string {
  return `${isShared ? SHARED : ''}${randomBytes(9).toString('base64url')}`
}

function keptOf({ van, self, request, isLocalUser, cast: { hosts } }: RunningActor): KeptActor {
  return { van, id: self.id, request, isLocalUser, ...(hosts === undefined ? {} : { hosts }) }
}

export function noSuchActor(id: string): ActorStoppedError {
  return new ActorStoppedError(`There is no actor ${id}: it was stopped, or never was.`)
}

function nameKey(van: string, name: string): string {
  return JSON.stringify([van, name])
}
