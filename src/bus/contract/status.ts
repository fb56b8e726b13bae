import type { HeaderMatch } from '../../message/headers.js'

/** The result of `bus.status()` and `msgvan status --json`. */
/** The log of a van on a host with a store. */
export interface LogStatus {
  /** The place of the oldest message in the log. */
  readonly first: number
  /** The place of the next message. */
  readonly end: number
  /** The size on the disk. */
  readonly bytes: number
}

/** Messages that a host owes, and that its store has lost: the disk returned other bytes than were written. */
export interface MissingStatus {
  /** The subscription's name, or its pattern. */
  subscription?: string
  /** The number of messages; an upper bound if the text says so. */
  messages?: number
  text: string
}

/** Bytes in memory. When they are as many as there may be, publishers wait. */
export interface MemoryStatus {
  /** The bytes of the messages that wait in this van. */
  readonly van: { readonly bytes: number; readonly max: number }
  /** The bytes of the dead letters in all vans of this host. At the limit, the van with the most drops its oldest. */
  readonly letters?: { readonly bytes: number; readonly max: number }
  /** The bytes of all waiting messages of this host, and of the data that its clients have not read. */
  readonly host: { readonly bytes: number; readonly max: number }
}

/** Messages that are owed from a later moment on. */
export interface DelayedStatus {
  readonly messages: number
  /** Bytes of their payloads; 0 in an embedded bus, where payloads have no bytes. */
  readonly bytes: number
}

/** A client of a host: a bus in another process or thread, or a host that has joined. */
export interface ClientStatus {
  id: string
  /** Only of a principal. */
  principal?: string
  /** The id of its host. */
  host: string
  /** The address that it came from; '' by the local socket. */
  address: string
  /** Only for a process of this machine. */
  pid?: number
  /** False: its connection is cut, and its session waits for it. */
  connected: boolean
  subscriptions: number
  /** Bytes that it has not read: deliveries, answers and notices. */
  unreadBytes: number
  /** Bytes of answers among them, and of calls without an answer: `--client-memory` bounds these. */
  answerBytes: number
  /** Bytes of its publishes that wait for room. */
  heldBytes: number
}

/** The clients of a van, in all its hosts that answer. */
export interface ClientsStatus {
  readonly total: number
  /** At most 20: those with the most bytes. */
  readonly largest: readonly ClientStatus[]
}

export interface VanStatus {
  van: string
  /** This machine's host; for an embedded bus, its own process. */
  host: HostStatus
  hosts: HostStatus[]
  subscriptions: SubscriptionStatus[]
  actors: ActorStatus[]
  counters: Counters
  /** Undefined from an older host. */
  delayed?: DelayedStatus
  /** Only on a host with a store. */
  log?: LogStatus
  /** Only of a host: the memory of this van and of its host. */
  memory?: MemoryStatus
  /** Only of a host, for those who may see it: its clients. */
  clients?: ClientsStatus
  /** Only on a host with principals, for those who may see it: denials since its start, by right. */
  denied?: Readonly<Record<string, number>>
  /** Of the same: refusals by limits, by principal and limit. */
  limited?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Of the same: bytes of waiting publishes and of unread data, by principals with such a limit; those with the most. */
  waiting?: Readonly<Record<string, { readonly bytes: number; readonly max: number }>>
  /** Only on a host whose store is damaged: the losses since its start. */
  missing?: readonly MissingStatus[]
}

export interface HostStatus {
  id: string
  pid: number
  version: string
  /** 0 for an embedded bus. */
  port: number
  /** The address for other machines, if they can reach it; '' for an embedded bus. */
  address: string
  /** Other hosts join it. */
  leader: boolean
  capabilities: Record<string, unknown>
  uptimeMs: number
}

export interface SubscriptionStatus {
  id: string
  /** undefined for an unnamed subscription. */
  name?: string
  /** A RegExp as `/source/flags`, or a string: the one exact topic. */
  pattern: string
  /** Only messages with these headers come. */
  match?: HeaderMatch
  /** The number of attached consumers. */
  consumers: number
  /** Messages that are not handed out, those before a retry included. */
  pending: number
  /** Bytes of their payloads; 0 in an embedded bus, where payloads have no bytes. */
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
  /** 'pause' holds publishers back now: this subscription is slow. */
  pausing: boolean
  /** Set while the name is paused by `bus.pause(name)`: it hands out nothing. */
  paused?: boolean
  /** Set when a host runs the handler: module, export, and its state. */
  handler?: HandlerStatus
}

export interface HandlerStatus {
  module: string
  export: string
  state: 'starting' | 'running' | 'restarting' | 'stopped'
  restarts: number
}

/** An actor on one host. An actor with instances on several hosts has an entry for each of them, all with its id. */
export interface ActorStatus {
  id: string
  module: string
  export: string
  name?: string
  host: string
  /** The number of its instances on that host. */
  instances: number
  /** The sum for these instances. */
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
