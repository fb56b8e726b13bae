import type { ActorAddress } from '../bus/contract/actor-ref.js'
import type { CapabilityValues } from '../bus/contract/actors.js'
import type { Log } from '../log/log.js'
import type { OrderedOption } from '../message/order/ordered.js'
import type { WorkerClient } from './worker-client.js'

/** The messages between a host and a worker (a thread, or a process) that runs a handler or an actor. */

/** Its host ends the session of this client at once when the worker dies, without waiting for a reconnect. */
interface Task extends WorkerClient {
  /** `file:` URL of the module. */
  readonly module: string
  readonly export: string
  readonly van: string
  /** The host's address: for buses that the module makes for itself. */
  readonly url: string
  /** The host's local socket, if it has one. */
  readonly socket?: string | undefined
  readonly secret: Uint8Array
  /** Whose rights the code has. Undefined: it may do everything. */
  readonly principal: string | undefined
}

/** A named subscription that a worker consumes. */
export interface Consumed {
  readonly name: string
  readonly pattern: RegExp | string
  readonly options: {
    readonly ordered: OrderedOption
    readonly prefetch: number
    readonly attempts: number
    readonly delay?: number
    readonly ackTimeout: number
    readonly maxPending: number
    readonly maxPendingBytes: number
  }
}

export interface HandlerTask extends Task, Consumed {
  readonly kind: 'handler'
}

export interface ActorTask extends Task {
  readonly kind: 'actor'
  readonly self: ActorAddress
  /** The first instance is 1. */
  readonly instance: number
  /** A worker decodes it, never a host. */
  readonly encodedArgs: Uint8Array | undefined
  /** The capabilities of this host that can cross. */
  readonly capabilities: CapabilityValues
  /** Named subscriptions whose messages it gets beside those of its mailbox. */
  readonly subscriptions: readonly Consumed[]
  /** The number of messages that it takes at once; all but one wait. */
  readonly prefetch: number
  readonly attempts: number
  /** Milliseconds that it may take for its set-up. */
  readonly setupTimeout: number
}

export type WorkerTask = HandlerTask | ActorTask

export type ToWorker =
  /** To a process, in place of a thread's `workerData`. */
  | { readonly kind: 'task'; readonly task: WorkerTask }
  | { readonly kind: 'go' }
  | { readonly kind: 'stop' }
  /** From now on these, and no others. */
  | { readonly kind: 'subscriptions'; readonly subscriptions: readonly Consumed[] }
  /** The present capabilities of this host. */
  | { readonly kind: 'capabilities'; readonly capabilities: CapabilityValues }

export type FromWorker =
  | { readonly kind: 'loaded' }
  /** This host does not meet the class's requirements. */
  | { readonly kind: 'unfit'; readonly missing: string; readonly requires?: CapabilityValues }
  | { readonly kind: 'running' }
  /** It gets the messages of the given subscriptions, and its host knows that. */
  | { readonly kind: 'subscribed' }
  /** A message was done: a later crash is not that of a worker that never works. */
  | { readonly kind: 'worked' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'log'; readonly level: keyof Log; readonly text: string }
