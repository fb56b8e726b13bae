import type { ActorAddress } from '../bus/contract/actor-ref.js'
import type { CapabilityValues } from '../bus/contract/actors.js'
import type { Log } from '../log/log.js'

/** What a host says to a worker (a thread, or a process) that runs a handler or an actor, and what that says back. */

interface Task {
  /** `file:` URL of the module. */
  readonly module: string
  readonly export: string
  readonly van: string
  /** Where the host listens: for buses that the module makes for itself. */
  readonly url: string
  readonly secret: Uint8Array
  /** Its session's id: when the worker dies the host ends that session at once, without waiting for a reconnect. */
  readonly clientId: string
}

/** A named subscription, as a worker consumes it. */
export interface Consumed {
  readonly name: string
  readonly pattern: RegExp | string
  readonly options: {
    readonly ordered: boolean
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
  readonly args: unknown
  /** What this host offers, as far as it can cross. */
  readonly capabilities: CapabilityValues
  /** Named subscriptions whose messages it gets beside those of its mailbox. */
  readonly subscriptions: readonly Consumed[]
  /** How many messages it takes at once, all but one to wait. */
  readonly prefetch: number
  readonly attempts: number
  /** How long it may take to be set up, in milliseconds. */
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
  /** What this host offers now. */
  | { readonly kind: 'capabilities'; readonly capabilities: CapabilityValues }

export type FromWorker =
  | { readonly kind: 'loaded' }
  /** This host has not what the class requires. */
  | { readonly kind: 'unfit'; readonly missing: string; readonly requires?: CapabilityValues }
  | { readonly kind: 'running' }
  /** It gets the messages of those subscriptions that it was told, and its host knows. */
  | { readonly kind: 'subscribed' }
  /** A message was done: what crashes from now on is no worker that never works. */
  | { readonly kind: 'worked' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  | { readonly kind: 'log'; readonly level: keyof Log; readonly text: string }
