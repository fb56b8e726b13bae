import type { Observable } from 'rxjs'
import type { ActorBroker, Isolation } from './actors.js'
import type { DeadLetters } from './dead-letters.js'
import type { ModuleRef } from './module-ref.js'
import type { HostStatus, VanStatus } from './status.js'
import type { SubscriptionRequest } from './subscription-request.js'

/**
 * The part of a broker beside the way of messages: an app uses it to look into its van, and to manage names, handlers
 * and actors. All calls are safe at any time. After `close` they reject with ClosedError.
 */
export interface Control {
  readonly actors: ActorBroker
  readonly states: StateBroker
  status(): Promise<VanStatus>
  /** The hosts that this one can reach. Its own host comes first. */
  hosts(): Promise<HostStatus[]>
  deadLetters(): DeadLetters
  /** Removes the named subscription and its queue. Resolves with false when it does not exist. */
  unsubscribe(name: string): Promise<boolean>
  /** Pauses the named subscription, or lets it go on. Resolves with false when it does not exist. */
  pause(name: string, isPaused: boolean): Promise<boolean>
  /** Takes back a delayed message. Resolves with false when none with this id is delayed. */
  cancel(id: string): Promise<boolean>
  /** Loads the module into the host, which runs it as a consumer of this named subscription. */
  subscribeHandler(
    name: string,
    handler: ModuleRef,
    request: SubscriptionRequest,
    isolation: Isolation,
  ): Promise<void>
}

/**
 * A value that all processes of the van share: a BehaviorSubject across processes. The van keeps the newest value, also
 * when no process is there.
 */
export interface SharedState<V = unknown> {
  readonly topic: string
  /** The newest value; undefined if there is none. */
  get(): Promise<V | undefined>
  /**
   * Resolves when the van has taken the value over. `undefined` deletes the state.
   *
   * @throws (as a rejection) InvalidPayloadError, PayloadTooLargeError, LimitError, HostUnreachableError, ForbiddenError,
   * ClosedError
   */
  set(value: V | undefined): Promise<void>
  /**
   * Changes the value by its present one, and loses no change of others: the function is called again if another one
   * came between. It must be pure.
   *
   * @returns the value that it made
   * @throws (as a rejection) as `set`, and what the function throws
   * @example
   * await bus.state<number>('visits').update(count => (count ?? 0) + 1)
   */
  update(change: (value: V | undefined) => V | undefined | Promise<V | undefined>): Promise<V | undefined>
  /** @returns whether there was one */
  delete(): Promise<boolean>
  /** The topics of the van's states that match and have a value, in order. */
  keys(pattern: RegExp | string): Promise<string[]>
  /**
   * The newest value at once (undefined if there is none), then every change. If changes come faster than the subscriber
   * takes them, or the connection was cut, it may get the newest alone.
   */
  readonly changes$: Observable<V | undefined>
}

/** Each change of a state is a message there. */
export const STATE = '$state/'
export const stateTopic = (topic: string): string => STATE + topic

/** A value of a state, encoded. */
export interface StateEntry {
  /** Grows with each change of any state of the van. 0: there was no change yet. */
  readonly version: number
  /** Undefined: there is no value. */
  readonly value?: Uint8Array | undefined
}

export interface StateChange {
  readonly topic: string
  /** Undefined: it is deleted. */
  readonly value?: Uint8Array | undefined
  /** Only if the present version is this one. Default: in any case. */
  readonly expected?: number | undefined
  /** The bus that makes it, and the number among its changes: one that comes again is made once. */
  readonly by: string
  readonly number: number
}

export interface StateOutcome {
  /** False: `expected` is not the present version. */
  readonly isDone: boolean
  /** It had a value before. */
  readonly wasThere: boolean
  /** The present one. */
  readonly entry: StateEntry
}

/** The part of a Broker for states. Decided once in the van. */
export interface StateBroker {
  get(topic: string): Promise<StateEntry>
  change(change: StateChange): Promise<StateOutcome>
  /** Those with a value. */
  keys(pattern: RegExp | string): Promise<string[]>
}
