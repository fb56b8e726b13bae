/** Raised when an older msgvan would misread the file. */
export const FORMAT = 1

/** The kind of a record in the file. A number never changes its meaning, because versions read each other's files. */
export const Kind = {
  /** The record of the whole file: format, protocol, name of the memory. */
  Head: 1,
  /** Bytes of messages, by number. */
  Blobs: 2,
  /** A van; the following records belong to it, until the next one. */
  Van: 3,
  /** A subscription, without its messages. */
  Subscription: 4,
  /** The messages for another host: the leader, or the follower of the session before. */
  Relay: 5,
  /** Messages that a subscription or relay owes, by its number. */
  Items: 6,
  Letters: 7,
  /** The last messages of publishers. */
  Marks: 8,
  /** The last messages of other hosts. */
  Seen: 9,
  /** A client's session; the following records belong to it. */
  Session: 10,
  /** Frames that the client has not finished. */
  Frame: 11,
  Consumers: 12,
  /** Messages that a client holds, by the number of its place. */
  Held: 13,
  /** Another host that came by the session. */
  Follower: 14,
  /** Messages that a leader had for publishers that wait, and has lost; by the number of their queue. */
  Again: 15,
  /** States of the van. */
  States: 16,
  /** Delayed messages of the van. */
  Delayed: 17,
  /** Ids that the van remembers. */
  Ids: 18,
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

/** The number of items in one record. */
export const BATCH = 500

export interface Head {
  readonly format: number
  readonly protocol: number
  readonly version: string
  readonly memory: string
  /** The host that wrote it. */
  readonly host: string
  /** Milliseconds since the epoch. */
  readonly at: number
}
