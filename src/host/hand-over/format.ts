/** Raised when an older msgvan would misread the file. */
export const FORMAT = 1

/** What a record of the file is. Numbers are for good: versions read each other's files. */
export const Kind = {
  /** Of the whole file: format, protocol, name of the memory. */
  Head: 1,
  /** Bytes of messages, by number. */
  Blobs: 2,
  /** A van; what follows is of it, until the next one. */
  Van: 3,
  /** A subscription, without what it owes. */
  Subscription: 4,
  /** What waits for another host: the leader, or the follower whose session came before. */
  Relay: 5,
  /** Messages that a subscription or relay owes, by its number. */
  Items: 6,
  Letters: 7,
  /** How far publishers have come. */
  Marks: 8,
  /** What came from other hosts. */
  Seen: 9,
  /** A client's session; what follows is of it. */
  Session: 10,
  /** Frames that the client is not done with. */
  Frame: 11,
  Attachments: 12,
  /** Messages that a client holds, by the number of its place. */
  Held: 13,
  /** Another host that came by the session. */
  Guest: 14,
  /** Messages that a leader had for publishers that wait, and has lost; by the number of what waits for it. */
  Again: 15,
} as const

export type Kind = (typeof Kind)[keyof typeof Kind]

/** So many of a kind are in one record. */
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
