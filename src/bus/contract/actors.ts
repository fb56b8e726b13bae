import type { ActorAddress, ActorRef } from './actor-ref.js'
import type { SubscriptionRequest } from './subscription-request.js'
import type { ModuleRef } from './module-ref.js'

/** What a host must offer. `true` stands for any truthy value; everything else for a value that is equal. */
export type CapabilityValues = Readonly<Record<string, unknown>>

export type Isolation = 'thread' | 'process'

export interface ActorOptions {
  /** Unique in the van: to create it again gives the one that there is. Default: none. */
  name?: string
  /** Given to the actor's constructor, and as `context.args`. Anything a payload can be. */
  args?: unknown
  /** So many share the work, each with a state of its own, spread over the hosts that fit. Default 1. */
  instances?: number
  /** In addition to what the class itself requires. Values only: a function belongs into the class. */
  requires?: CapabilityValues
  /** `'thread'` (default): each instance in a worker thread of the host; `'process'`: in a process of its own. */
  isolation?: Isolation
  /** Total tries of a message that the actor throws on. Default 2. */
  attempts?: number
  /**
   * Milliseconds that an instance may take until it is set up: its constructor and `setup`. One that takes longer fails `create`,
   * and after a crash it counts as another. Default 10,000, at most a day.
   */
  setupTimeout?: number
}

/** The actors of a van. */
export interface Actors {
  /**
   * Has a host that offers what the actor requires load the module and run the actor, until it is stopped. Resolves when it
   * is set up and takes messages. If a `name` is given and taken by an actor of the same module and export, gives that one.
   *
   * @throws (as a rejection) ActorPlacementError when no host has what it requires; ActorStartError for a missing module or
   *   export, or an actor that fails in its set-up, or does not come to its end; NameTakenError; UnsupportedError on an embedded bus
   * @example
   * const writer = await bus.actors.create(moduleRef(new URL('writer.js', import.meta.url), 'Writer'), { args: { file } })
   * await writer.tell('a line')
   */
  create(actor: ModuleRef, options?: ActorOptions): Promise<ActorRef>
  /** The actor with that name; undefined if there is none. */
  find(name: string): Promise<ActorRef | undefined>
  /** Makes a ref of an address that came in a payload, or of an id. */
  ref(actor: ActorAddress | string): ActorRef
  /**
   * Lets it finish what it has in hand, then stops it and its children. False when there was none.
   *
   * @throws (as a rejection) RemoteError when a host that may have it is lost meanwhile
   */
  stop(actor: ActorAddress | string): Promise<boolean>
}

/** What is asked of the host, every value in it checked and known. */
export interface ActorRequest {
  readonly module: string
  readonly export: string
  readonly name?: string | undefined
  readonly args: unknown
  readonly instances: number
  readonly requires: CapabilityValues
  readonly isolation: Isolation
  readonly attempts: number
  readonly setupTimeout: number
  /** The id of the actor whose child it is. */
  readonly parent?: string | undefined
}

/** The part of a Broker that has to do with actors. */
export interface ActorBroker {
  create(request: ActorRequest): Promise<ActorAddress>
  find(name: string): Promise<ActorAddress | undefined>
  stop(id: string): Promise<boolean>
  /** Has it get the messages of a named subscription. */
  subscribe(name: string, id: string, request: SubscriptionRequest): Promise<void>
}
