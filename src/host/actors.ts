import { randomBytes, randomUUID } from 'node:crypto'
import type { ChildExit, ExitReason } from '../actors/actor.js'
import { childExitHeaders } from '../actors/child-exit.js'
import { missing } from '../actors/requirements.js'
import { SupervisedActor } from '../actors/supervised-actor.js'
import type { ActorTask } from '../actors/worker-messages.js'
import type { LocalBroker } from '../broker/local-broker.js'
import type { ActorAddress } from '../bus/actor-ref.js'
import type { ActorRequest, CapabilityValues } from '../bus/actors.js'
import type { SubscriptionRequest } from '../bus/broker.js'
import type { ActorStatus } from '../bus/status.js'
import {
  ActorPlacementError,
  ActorStartError,
  ActorStoppedError,
  ClosedError,
  HandlerModuleError,
  NameTakenError,
} from '../errors.js'
import type { Log } from '../log/log.js'
import { Encoding } from '../message/envelope.js'
import { encodePayload } from '../message/payload.js'
import { MAILBOX } from '../message/topic.js'
import { backoff } from '../operators/backoff.js'
import { encodeRequest } from '../wire/subscription-request.js'
import { ActorSubscriptions } from './actor-subscriptions.js'
import type { HandlerHost } from './handlers.js'
import type { KeptActor } from './registrations.js'
import type { ModuleRoots } from './module-roots.js'

/** What actors need of the host around them. */
export interface ActorHost extends HandlerHost {
  readonly log: Log
  broker(van: string): LocalBroker
  capabilities(): CapabilityValues
  /** Keeps an actor beyond the host's life, or with undefined its end. Default: nobody does. */
  keepActor?(van: string, id: string, kept: KeptActor | undefined): Promise<void>
  /** Before it is started again after so many crashes in a row. Default: from 0.1 to 10 seconds. */
  readonly restartDelay?: (error: unknown, crashes: number) => number
}

interface Running {
  readonly van: string
  readonly self: ActorAddress
  readonly request: ActorRequest
  readonly isLocalUser: boolean
  readonly instances: SupervisedActor[]
  /** Set up, and not ending. */
  isUp: boolean
  ending: Promise<void> | undefined
}

/** With one instance, messages wait where it is; several take one at a time, so that none waits behind a busy one. */
const PREFETCH = 64

/** The actors of a host. An actor is a consumer of its mailbox: the named subscription on the topic of the same name. */
export class Actors {
  readonly #host: ActorHost
  readonly #roots: ModuleRoots
  readonly #actors = new Map<string, Running>()
  /** One creation of a name at a time: two at once get the same actor. */
  readonly #creations = new Map<string, Promise<unknown>>()
  readonly #subscriptions = new ActorSubscriptions()
  #isStopping = false

  constructor(host: ActorHost, roots: ModuleRoots) {
    this.#host = host
    this.#roots = roots
  }

  get size(): number {
    return this.#actors.size
  }

  /**
   * The actor of that name, or a new one that is set up and takes messages.
   *
   * @throws ActorPlacementError, ActorStartError, NameTakenError
   */
  async create(van: string, wanted: ActorRequest, callerIsLocalUser: boolean): Promise<ActorAddress> {
    const module = await this.#resolve(wanted.module, callerIsLocalUser)
    const request = { ...wanted, module }
    const { name } = request
    if (name === undefined) return this.#start(van, request, callerIsLocalUser)
    return this.#oneAtATime(nameKey(van, name), () => {
      const there = this.#named(van, name)
      if (there === undefined) return this.#start(van, request, callerIsLocalUser)
      if (there.request.module === module && there.request.export === request.export)
        return Promise.resolve(there.self)
      throw new NameTakenError(
        `The name ${JSON.stringify(name)} has an actor of ${there.request.module}, ${there.request.export}. Use another name, or stop that one first.`,
      )
    })
  }

  /** When one of that name is being made, its end is waited for. */
  async find(van: string, name: string): Promise<ActorAddress | undefined> {
    await this.#creations.get(nameKey(van, name))?.catch(() => undefined)
    return this.#named(van, name)?.self
  }

  /** With its children, and with what it has in hand done. False when there was none. */
  async stop(van: string, id: string): Promise<boolean> {
    const actor = this.#actors.get(id)
    if (actor?.van !== van) return false
    await this.#end(actor, 'stopped', 'it was stopped')
    return true
  }

  /**
   * Has it get the messages of a named subscription, in place of whoever got them.
   *
   * @throws ActorStoppedError, InvalidPatternError
   */
  async subscribe(van: string, name: string, id: string, request: SubscriptionRequest): Promise<void> {
    const actor = this.#actors.get(id)
    if (actor?.van !== van || actor.ending !== undefined)
      throw new ActorStoppedError(`There is no actor ${id}: it was stopped, or never was.`)
    await this.#host.replace(van, { ...request, name })
    await this.unsubscribe(van, name)
    this.#subscriptions.add(id, name, request)
    await this.#tellSubscriptions(actor)
    await this.#keep(actor)
  }

  /** Resolves when no actor gets the messages of that subscription any more. */
  async unsubscribe(van: string, name: string): Promise<void> {
    const subscribed = [...this.#actors.values()].filter(
      actor => actor.van === van && this.#subscriptions.remove(actor.self.id, name),
    )
    await Promise.all(subscribed.map(actor => this.#tellSubscriptions(actor)))
    await Promise.all(subscribed.map(actor => this.#keep(actor)))
  }

  /** What the host offers has changed: those who miss something now are stopped. */
  reconsider(): void {
    const capabilities = this.#host.capabilities()
    for (const actor of this.#actors.values()) {
      const lacks = missing(actor.request.requires, capabilities)
      if (lacks !== undefined) this.#unfit(actor, lacks)
      // What its class requires is known there.
      else for (const instance of actor.instances) instance.send({ kind: 'capabilities', capabilities })
    }
  }

  status(van: string, host: string): ActorStatus[] {
    return [...this.#actors.values()]
      .filter(actor => actor.van === van)
      .map(({ self, request, instances }) => ({
        id: self.id,
        module: request.module,
        export: request.export,
        ...(self.name === undefined ? {} : { name: self.name }),
        host,
        restarts: instances.reduce((sum, { restarts }) => sum + restarts, 0),
        state: instances.find(({ state }) => state !== 'running')?.state ?? 'running',
      }))
  }

  async stopAll(): Promise<void> {
    this.#isStopping = true
    await Promise.allSettled(
      [...this.#actors.values()].map(actor => this.#end(actor, 'stopped', 'its host ended')),
    )
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
      .map(({ van, self, request, isLocalUser }) => ({ van, id: self.id, request, isLocalUser }))
  }

  /** One of the host before this one, under its own id. */
  async restore({ van, id, request, isLocalUser }: KeptActor): Promise<void> {
    this.#openMailbox(van, id, request)
    const start = async (): Promise<void> => {
      await this.#resolve(request.module, isLocalUser)
      await this.#start(van, request, isLocalUser, id)
    }
    // So that who creates or finds it meanwhile gets this one.
    await (request.name === undefined ? start() : this.#oneAtATime(nameKey(van, request.name), start))
  }

  /** `file:` URLs of those that run. */
  get modules(): string[] {
    return [...this.#actors.values()].map(({ request }) => request.module)
  }

  /** Starts those of a module again that has changed. What does not load leaves the old one as it is. */
  async reload(module: string): Promise<void> {
    const changed = [...this.#actors.values()].filter(
      ({ isUp, request }) => isUp && request.module === module,
    )
    await Promise.all(changed.map(actor => this.#reload(actor)))
  }

  async #reload(actor: Running): Promise<void> {
    await Promise.all(
      actor.instances.map(async (old, index) => {
        const next = this.#instance(actor, index + 1)
        try {
          await next.load()
        } catch (error) {
          await next.stop()
          throw error
        }
        actor.instances[index] = next
        await old.stop()
        await next.run()
      }),
    )
  }

  async #start(
    van: string,
    request: ActorRequest,
    isLocalUser: boolean,
    id = randomBytes(9).toString('base64url'),
  ): Promise<ActorAddress> {
    const self: ActorAddress = {
      id,
      ...(request.name === undefined ? {} : { name: request.name }),
    }
    this.#check(self, request)
    const actor: Running = { van, self, request, isLocalUser, instances: [], isUp: false, ending: undefined }
    for (let instance = 1; instance <= request.instances; instance += 1)
      actor.instances.push(this.#instance(actor, instance))
    this.#actors.set(self.id, actor)
    this.#host.modulesChanged?.()
    try {
      await Promise.all(actor.instances.map(instance => instance.load()))
      this.#openMailbox(van, id, request)
      await Promise.all(actor.instances.map(instance => instance.run()))
    } catch (error) {
      await this.#end(actor, 'stopped', 'it could not be set up')
      throw error
    }
    if (actor.ending !== undefined)
      throw new ActorStoppedError(`Actor ${label(self)} was stopped while it was set up.`)
    actor.isUp = true
    await this.#keep(actor)
    return self
  }

  /** With what it gets. A child is made anew by its parent. */
  async #keep({ van, self, request, isLocalUser, isUp }: Running): Promise<void> {
    if (!isUp || request.parent !== undefined) return
    const subscriptions = [...this.#subscriptions.of(self.id)].map(([name, rules]) =>
      encodeRequest({ ...rules, name }),
    )
    await this.#host.keepActor?.(van, self.id, { van, id: self.id, request, isLocalUser, subscriptions })
  }

  #check(self: ActorAddress, { requires, parent }: ActorRequest): void {
    if (this.#isStopping) throw new ClosedError('The host is stopping. Create the actor when it is back.')
    const lacks = missing(requires, this.#host.capabilities())
    if (lacks !== undefined)
      throw new ActorPlacementError(
        `Actor ${label(self)} requires ${lacks}, and no host has it. Start one that does: msgvan restart --capabilities JSON.`,
      )
    if (parent === undefined) return
    const above = this.#actors.get(parent)
    if (above === undefined || above.ending !== undefined)
      throw new ActorStoppedError(`Actor ${parent} is stopped: it gets no more children.`)
  }

  #openMailbox(van: string, id: string, request: ActorRequest): void {
    const topic = MAILBOX + id
    this.#host.broker(van).replace({
      name: topic,
      pattern: topic,
      ordered: false,
      prefetch: PREFETCH,
      attempts: request.attempts,
      delay: backoff({ initial: 100, max: 10_000 }),
      ackTimeout: 0,
      maxPending: 100_000,
      overflow: 'pause',
    })
  }

  #instance(actor: Running, instance: number): SupervisedActor {
    const { van, self, request } = actor
    const name = label(self)
    const task = (): ActorTask => ({
      kind: 'actor',
      module: request.module,
      export: request.export,
      van,
      self,
      instance,
      args: request.args,
      capabilities: this.#host.capabilities(),
      subscriptions: this.#subscriptions.consumed(self.id),
      prefetch: request.instances === 1 ? PREFETCH : 1,
      attempts: request.attempts,
      ...this.#host.connection,
      clientId: randomUUID(),
    })
    return new SupervisedActor(
      request.isolation,
      task,
      {
        line: (stream, text) => this.#host.line(name, stream, text),
        log: (level, text) => {
          this.#host.line(name, 'err', `${level}: ${text}`)
          this.#host.log[level](`actor ${name}: ${text}`)
        },
        crashed: (reason, delay) => {
          this.#host.line(name, 'err', `crashed: ${reason}; starts again in ${Math.round(delay)} ms`)
          this.#host.warn(`actor ${name} crashed: ${reason}; starts again in ${Math.round(delay)} ms`)
        },
        gaveUp: reason => {
          this.#host.warn(`actor ${name} crashed too often, and is stopped: ${reason}`)
          this.#endSoon(actor, 'crashed', reason)
        },
        unfit: lacks => this.#unfit(actor, lacks),
        gone: clientId => this.#host.endSession(clientId),
      },
      this.#host.restartDelay,
    )
  }

  #unfit(actor: Running, lacks: string): void {
    const name = label(actor.self)
    if (actor.ending !== undefined) return
    this.#host.warn(`actor ${name} is stopped: its host has no ${lacks} any more`)
    this.#endSoon(actor, 'unfit', `its host has no ${lacks} any more`)
  }

  #endSoon(actor: Running, reason: ExitReason, detail: string): void {
    this.#end(actor, reason, detail).catch((error: unknown) =>
      this.#host.log.error(`actor ${label(actor.self)} could not be stopped`, error),
    )
  }

  async #tellSubscriptions({ self, instances }: Running): Promise<void> {
    const subscriptions = this.#subscriptions.consumed(self.id)
    await Promise.all(instances.map(instance => instance.subscribe(subscriptions)))
  }

  #end(actor: Running, reason: ExitReason, detail: string): Promise<void> {
    actor.ending ??= this.#takeDown(actor, reason, detail)
    return actor.ending
  }

  async #takeDown(actor: Running, reason: ExitReason, detail: string): Promise<void> {
    const wasUp = actor.isUp
    actor.isUp = false
    const { van, self, request } = actor
    await Promise.all(actor.instances.map(instance => instance.stop()))
    // After it, so that what it did last may still ask them.
    const children = [...this.#actors.values()].filter(({ request }) => request.parent === self.id)
    await Promise.all(children.map(child => this.#end(child, 'stopped', 'its parent ended')))
    this.#actors.delete(self.id)
    this.#host.modulesChanged?.()
    const broker = this.#host.broker(van)
    const gone = new ActorStoppedError(`Actor ${label(self)} is no more: ${detail}.`)
    // A host that ends keeps what it was told to keep, and with a store its actors and their mail.
    const isKept = this.#host.keepActor !== undefined && request.parent === undefined
    if (!this.#isStopping || !isKept) broker.retire(MAILBOX + self.id, gone)
    if (!this.#isStopping && wasUp && isKept) await this.#host.keepActor?.(van, self.id, undefined)
    if (!this.#isStopping)
      for (const name of this.#subscriptions.of(self.id).keys()) broker.retire(name, gone)
    this.#subscriptions.forget(self.id)
    const { parent } = request
    if (!wasUp || parent === undefined || this.#actors.get(parent)?.ending !== undefined) return
    broker.say(MAILBOX + parent, childExitHeaders, () => {
      const body = encodePayload({ child: self, reason, detail } satisfies ChildExit)
      return { body, size: body.length, encoding: Encoding.Bytes }
    })
  }

  #named(van: string, name: string): Running | undefined {
    return [...this.#actors.values()].find(
      actor => actor.isUp && actor.van === van && actor.self.name === name,
    )
  }

  async #resolve(module: string, callerIsLocalUser: boolean): Promise<string> {
    try {
      return await this.#roots.resolve(module, callerIsLocalUser)
    } catch (error) {
      throw error instanceof HandlerModuleError ? new ActorStartError(error.message, { cause: error }) : error
    }
  }

  async #oneAtATime<T>(key: string, create: () => Promise<T>): Promise<T> {
    const before = this.#creations.get(key) ?? Promise.resolve()
    const after = before.then(create, create)
    this.#creations.set(key, after)
    try {
      return await after
    } finally {
      if (this.#creations.get(key) === after) this.#creations.delete(key)
    }
  }
}

function nameKey(van: string, name: string): string {
  return JSON.stringify([van, name])
}

function label({ id, name }: ActorAddress): string {
  return name ?? id
}
