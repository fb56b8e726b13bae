/** What `bus.status()` and `msgvan status --json` show. */
/** What a host with a store has kept of a van. */
export interface LogStatus {
  /** The place of the oldest message that is there. */
  readonly first: number
  /** The place of the next one. */
  readonly end: number
  /** On the disk. */
  readonly bytes: number
}

/** What a host was owed to keep, and its store does not have any more: the disk did not give back what was written. */
export interface MissingStatus {
  /** Of which subscription: its name, or what it asks for. */
  subscription?: string
  /** How many messages; at most, if the text says so. */
  messages?: number
  text: string
}

export interface VanStatus {
  van: string
  /** This machine's host; for an embedded bus, its own process. */
  host: HostStatus
  hosts: HostStatus[]
  subscriptions: SubscriptionStatus[]
  actors: ActorStatus[]
  counters: Counters
  /** On a host with a store. */
  log?: LogStatus
  /** On a host whose store was damaged, since it runs. */
  missing?: readonly MissingStatus[]
}

export interface HostStatus {
  id: string
  pid: number
  version: string
  /** 0 for an embedded bus. */
  port: number
  /** By which other machines reach it, if they do; '' for an embedded bus. */
  address: string
  /** Other hosts join it. */
  leader: boolean
  capabilities: Record<string, unknown>
  uptimeMs: number
}

export interface SubscriptionStatus {
  id: string
  /** undefined for an unnamed one. */
  name?: string
  /** A RegExp as `/source/flags`; a string is the one exact topic. */
  pattern: string
  /** How many consumers are attached. */
  consumers: number
  /** Waiting to be handed out, those that wait for a retry included. */
  pending: number
  /** Bytes of their payloads; 0 in an embedded bus, where payloads are no bytes. */
  pendingBytes: number
  /** Beyond `maxPending`: owed, while their publishers wait for room. */
  held: number
  /** Handed out and not settled. */
  inFlight: number
  delivered: number
  acked: number
  failed: number
  redelivered: number
  deadLettered: number
  dropped: number
  /** 'pause' holds publishers back right now: this subscription is slow. */
  pausing: boolean
  /** Set when a host runs the handler: module, export, and how it fares. */
  handler?: HandlerStatus
}

export interface HandlerStatus {
  module: string
  export: string
  state: 'starting' | 'running' | 'restarting' | 'stopped'
  restarts: number
}

/** An actor on one host: one whose instances are on several has an entry for each of them, all with its id. */
export interface ActorStatus {
  id: string
  module: string
  export: string
  name?: string
  host: string
  /** So many run on that host. */
  instances: number
  /** Of these instances, all together. */
  restarts: number
  state: string
}

export interface Counters {
  published: number
  delivered: number
  acked: number
  failed: number
  redelivered: number
  deadLettered: number
  dropped: number
}
