import { LRUCache } from 'lru-cache'
import type { ChildExit } from '../../workers/definition/actor.js'
import type { ActorAddress } from '../../bus/contract/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../../bus/contract/actors.js'
import type { ActorStatus } from '../../bus/contract/status.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { ActorStoppedError } from '../../errors.js'
import type { ModuleRoots } from '../handlers/module-roots.js'
import { OneAtATime } from '../handlers/one-at-a-time.js'
import { ActorEnds } from './actor-ends.js'
import type { ActorHost, Relations, StartOptions } from './actor-host.js'
import { ActorReturns } from './actor-returns.js'
import { ActorStarts } from './actor-starts.js'
import { ActorSubscriptions } from './actor-subscriptions.js'
import { ActorTable } from './actor-table.js'
import type { KeptActor } from './kept-actor.js'
import { InstanceGroups } from './instance-groups.js'
import { mailChildExit } from './mailbox.js'
import type { BornOf } from '../../wire/calls/placing.js'
import type { ActorInstances, RunningActor } from './running-actor.js'

/**
 * The number of ended workers that it remembers: a child of one may be on its way for as long as its placement takes.
 */
const ENDED_REMEMBERED = 10_000

/**
 * The actors of one host, and its instances of actors that the leader coordinates. An actor is a consumer of its mailbox: the
 * named subscription to the topic of the same name.
 */
export class Actors {
  /** The local instances of actors that are on several hosts. */
  readonly groups: InstanceGroups
  readonly #host: ActorHost
  readonly #table = new ActorTable()
  /** Starts of actors with names. */
  readonly #named = new OneAtATime()
  readonly #subscriptions = new ActorSubscriptions()
  readonly #ends: ActorEnds
  readonly #starts: ActorStarts
  /** Ended workers, by their client ids. */
  readonly #over = new LRUCache<string, true>({ max: ENDED_REMEMBERED })
  readonly #returns: ActorReturns
  #relations: Relations | undefined

  constructor(host: ActorHost, roots: Pick<ModuleRoots, 'resolve'>) {
    const table = this.#table
    const subscriptions = this.#subscriptions
    const relations = () => this.#relations
    this.#host = host
    this.groups = new InstanceGroups(host, roots, relations)
    this.#ends = new ActorEnds({
      ...{ host, table, subscriptions, relations },
      notifyParent: (...exit) => this.notifyParent(...exit),
    })
    this.#starts = new ActorStarts({
      ...{ host, roots, table, subscriptions, relations, ends: this.#ends },
      isOver: bornOf => this.isOver(bornOf),
      instanceEnded: (id, incarnation) => this.instanceEnded(id, incarnation),
      keep: actor => this.#keep(actor),
    })
    this.#returns = new ActorReturns({
      ...{ host, table, subscriptions, relations, ends: this.#ends },
      start: (...actor) => this.start(...actor),
      keep: actor => this.#keep(actor),
    })
  }

  /** Connects them to the actors of other hosts. Call it once, before the first start. */
  connect(relations: Relations): void {
    this.#relations = relations
  }

  get size(): number {
    return this.#table.size + this.groups.all.length
  }

  /** The number of workers here. Placement compares hosts by it. */
  get load(): number {
    return this.#allInstances.reduce((sum, { size }) => sum + size, 0)
  }

  get #allInstances(): ActorInstances[] {
    return [...this.#table.all.map(({ instances }) => instances), ...this.groups.all]
  }

  /**
   * A new actor that is set up and accepts messages. The caller makes sure that its name is free.
   *
   * @throws ActorPlacementError, ActorStartError, ActorStoppedError (its parent), HandlerModuleError, ClosedError
   */
  start(van: string, request: ActorRequest, options: StartOptions): Promise<ActorAddress> {
    const start = (): Promise<ActorAddress> => this.#starts.start(van, request, options)
    // A concurrent `find` waits for this start.
    return request.name === undefined ? start() : this.#named.do(nameKey(van, request.name), start)
  }

  /** The requirement that this host does not meet, as far as that is known before the class is loaded. */
  lacks(requires: CapabilityValues): string | undefined {
    return this.#starts.lacks(requires)
  }

  /** The actor of this host with that name. Waits for a start that is under way. */
  async find(van: string, name: string): Promise<RunningActor | undefined> {
    await this.#named.over(nameKey(van, name))
    return this.named(van, name)
  }

  /** Like `find`, without waiting. */
  named(van: string, name: string): RunningActor | undefined {
    return this.#table.named(van, name)
  }

  /** Whether it is here, and not ending. */
  has(van: string, id: string): boolean {
    return this.#table.lasting(van, id) !== undefined
  }

  /**
   * Stops it and its children when its messages in hand are done. False when it is not here.
   *
   * @param isUnmissed its parent gets no `childExited`
   */
  async stop(van: string, id: string, detail = 'it was stopped', isUnmissed = false): Promise<boolean> {
    const actor = this.#table.get(van, id)
    if (actor === undefined) return false
    if (isUnmissed) actor.isUnmissed = true
    await this.#ends.end(actor, 'stopped', detail)
    return true
  }

  /** Stops the actors whose parent, or the parent's instance that created them, was on a host that is gone. */
  orphaned(host: string): void {
    for (const actor of this.#table.all) {
      if (actor.parentHost !== host && actor.bornOf?.host !== host) continue
      actor.isUnmissed = true
      this.#ends.endSoon(actor, 'stopped', "its parent's host is gone")
    }
  }

  /** A worker of that actor has ended. Resolves when its children have ended, on all hosts. */
  async instanceEnded(parent: string, incarnation: string): Promise<void> {
    this.#over.set(incarnation, true)
    const children = this.#table
      .childrenOf(parent)
      .filter(({ bornOf }) => bornOf?.incarnation === incarnation)
    for (const child of children) child.isUnmissed = true
    await Promise.allSettled([
      ...children.map(child => this.#ends.end(child, 'stopped', 'its parent ended')),
      this.#relations?.endChildren(parent, incarnation),
    ])
  }

  /** Whether that worker has ended, so that its new children have no parent. */
  isOver(bornOf: BornOf | undefined): boolean {
    return bornOf !== undefined && this.#over.has(bornOf.incarnation)
  }

  /**
   * The actor consumes a named subscription from now on, instead of its consumers so far.
   *
   * @throws ActorStoppedError, InvalidPatternError
   */
  async subscribe(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    const actor = this.#table.lasting(van, id)
    if (actor === undefined) throw noSuchActor(id)
    const servedSince = await this.#host.replace(van, { ...request, name })
    const before = await this.#drop(van, name)
    this.#subscriptions.add(id, name, { ...request, from: undefined, servedSince })
    await actor.instances.updateSubscriptions()
    // In one write: no death of the host leaves the name without an actor.
    await this.#keepAll([...before.filter(each => each !== actor), actor])
  }

  /** Resolves when no actor consumes that subscription any more. */
  async unsubscribe(van: string, name: string): Promise<void> {
    await this.#keepAll(await this.#drop(van, name))
  }

  /** The host with the names was away: it may have given some to others. */
  reclaim(): void {
    this.#returns.reclaim()
  }

  /** The capabilities of the host have changed: stops the actors whose requirements it does not meet any more. */
  reconsider(): void {
    for (const instances of this.#allInstances) instances.reconsider()
  }

  status(van: string, host: string): ActorStatus[] {
    const own = this.#table.inVan(van).flatMap(({ instances }) => instances.status(host))
    return [...own, ...this.groups.status(van, host)]
  }

  async stopAll(): Promise<void> {
    this.#ends.isStopping = true
    await Promise.allSettled([
      ...this.#table.all.map(actor => this.#ends.end(actor, 'stopped', 'its host ended')),
      this.groups.stopAll(),
    ])
  }

  /** The id of the actor that consumes that subscription. */
  subscriberOf(van: string, name: string): string | undefined {
    return this.#table.inVan(van).find(({ self }) => this.#subscriptions.of(self.id).has(name))?.self.id
  }

  /** The actors that the next host starts again. Children are not among them: their parents create them. */
  registered(): KeptActor[] {
    const running = this.#table.all
      .filter(({ isUp, request }) => isUp && request.parent === undefined)
      .map(actor => this.#keptOf(actor))
    return [...running, ...this.#returns.besides(running)]
  }

  /** Starts an actor of the previous host again, under its own id. */
  restore(kept: KeptActor): Promise<void> {
    return this.#returns.restore(kept)
  }

  /** `file:` URLs of the running actors. */
  get modules(): string[] {
    return this.#allInstances.flatMap(({ modules }) => modules)
  }

  /** Restarts the actors of a changed module. If it does not load, the old code runs on. */
  async reload(module: string): Promise<void> {
    const changed = this.#allInstances.filter(({ modules }) => modules.includes(module))
    await Promise.all(changed.map(instances => instances.reload()))
  }

  /** Puts `childExited` into the mailbox of an actor of this host, unless it is ending. */
  notifyParent(van: string, parent: string, exit: ChildExit): void {
    if (this.has(van, parent)) mailChildExit(this.#host.broker(van), parent, exit)
  }

  /** Ends a named subscription of this host: its messages become dead letters. */
  retire(van: string, name: string, text: string): Promise<void> {
    return this.#host.broker(van).retire(name, text)
  }

  /** Keeps the actor and its subscriptions beyond the life of the host. Not a child: its parent creates it again. */
  async #keep(actor: RunningActor): Promise<void> {
    const { van, self, request, isUp } = actor
    if (!isUp || request.parent !== undefined) return
    await this.#host.keepActor?.(van, self.id, this.#keptOf(actor))
  }

  async #keepAll(actors: readonly RunningActor[]): Promise<void> {
    await Promise.all(actors.map(actor => this.#keep(actor)))
  }

  #keptOf({ van, self, request, isLocalUser, instances: { hosts } }: RunningActor): KeptActor {
    const subscriptions = this.#subscriptions.encoded(self.id)
    return {
      van,
      id: self.id,
      request,
      isLocalUser,
      subscriptions,
      ...(hosts === undefined ? {} : { hosts }),
    }
  }

  /**
   * No actor consumes that subscription any more; their records still say so.
   *
   * @returns those that did
   */
  async #drop(van: string, name: string): Promise<RunningActor[]> {
    const subscribed = this.#table.inVan(van).filter(({ self }) => this.#subscriptions.remove(self.id, name))
    await Promise.all(subscribed.map(({ instances }) => instances.updateSubscriptions()))
    return subscribed
  }
}

export function noSuchActor(id: string): ActorStoppedError {
  return new ActorStoppedError(`There is no actor ${id}: it has stopped, or it never existed.`)
}

function nameKey(van: string, name: string): string {
  return JSON.stringify([van, name])
}
