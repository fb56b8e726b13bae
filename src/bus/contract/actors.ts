import type { ActorAddress, ActorRef } from './actor-ref.js'
import type { SubscriptionRequest } from './subscription-request.js'
import type { ModuleRef } from './module-ref.js'

/**
 * The capabilities that a host must offer. `true` stands for any truthy value; every other value stands for an equal
 * value.
 */
export type CapabilityValues = Readonly<Record<string, unknown>>

export type Isolation = 'thread' | 'process'

export interface ActorOptions {
  /** Unique in the van. If an actor has it already, `create` resolves with that actor. Default: none. */
  name?: string
  /** The actor's constructor gets it, and `context.args` holds it. It may be any payload. */
  args?: unknown
  /**
   * The number of instances that share the work. Each has a state of its own. They spread over the hosts that fit.
   * Default 1.
   */
  instances?: number
  /** In addition to the requirements of the class itself. Values only: put a function into the class. */
  requires?: CapabilityValues
  /**
   * `'thread'` (default) runs each instance in a worker thread of the host; `'process'` runs it in a process of its
   * own.
   */
  isolation?: Isolation
  /** Total tries of a message on which the actor throws. Default 2. */
  attempts?: number
  /**
   * Milliseconds that an instance may take for its constructor and `setup`. If it takes longer, `create` fails. After a
   * crash this counts as another crash. Default 10,000, at most a day.
   */
  setupTimeout?: number
}

/** The actors of a van. */
export interface Actors {
  /**
   * Runs the actor on a host that offers the actor's requirements, until you stop it. Resolves when it is set up and
   * takes messages. If an actor of the same module and export has the `name` already, resolves with that actor.
   *
   * @throws (as a rejection) ActorPlacementError when no host offers the requirements; ActorStartError when the module
   * or export is missing, or the set-up fails or does not end; NameTakenError; UnsupportedError on an embedded bus;
   * HostUnreachableError when the host died before it answered, without a `name`: the actor may exist
   * @example
   * const writer = await bus.actors.create(moduleRef(new URL('writer.js', import.meta.url), 'Writer'), { args: { file } })
   * await writer.tell('a line')
   */
  create(actor: ModuleRef, options?: ActorOptions): Promise<ActorRef>
  /** Resolves with the actor of that name, or undefined. */
  find(name: string): Promise<ActorRef | undefined>
  /** Makes a ref of an id, or of an address that came in a payload. */
  ref(actor: ActorAddress | string): ActorRef
  /**
   * Lets the actor finish its message in hand, then stops it and its children. Resolves with false when it does not
   * exist.
   *
   * @throws (as a rejection) RemoteError when a host that may run it is lost meanwhile; HostUnreachableError when the
   * host died before it answered, and the actor does not exist: this call may have stopped it
   */
  stop(actor: ActorAddress | string): Promise<boolean>
}

/** A request to create an actor. Every value in it is checked. */
export interface ActorRequest {
  readonly module: string
  readonly export: string
  readonly name?: string | undefined
  /** What `args` of the options encodes to. Hosts pass it on, and never decode it. Undefined: no args. */
  readonly encodedArgs?: Uint8Array | undefined
  readonly instances: number
  readonly requires: CapabilityValues
  readonly isolation: Isolation
  readonly attempts: number
  readonly setupTimeout: number
  /** The id of the parent actor. */
  readonly parent?: string | undefined
  /** In a host with principals: the one that creates it, whose rights its code has. Undefined: it may do everything. */
  readonly principal?: string | undefined
}

/** The part of a Broker for actors. */
export interface ActorBroker {
  create(request: ActorRequest): Promise<ActorAddress>
  find(name: string): Promise<ActorAddress | undefined>
  stop(id: string): Promise<boolean>
  /** Passes the messages of a named subscription to an actor. */
  subscribe(name: string, id: string, request: SubscriptionRequest): Promise<void>
}
