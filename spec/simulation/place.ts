import type { VirtualProcess } from './virtual-process.js'

/** Where clients are: one host after the other, at one address. */
export interface Place {
  readonly name: string
  readonly url: string
  /** It keeps named subscriptions: it leads, or is the only host. */
  readonly isLeader: boolean
  /** What is owed here outlives the host. */
  readonly isKept: boolean
  /** When a write on its disk failed last, in milliseconds. */
  failedAt: number
  /** It and the host that leads know of each other right now. */
  readonly isJoined: boolean
  /** The run of the leader that it joined last, if it is a follower. */
  readonly joined: VirtualProcess | undefined
  /** How often the host that leads may have given to others what clients here had of it. */
  readonly lapses: number
  /** How often the way between them was in trouble. */
  readonly troubles: number
  /**
   * When it last knew for certain what others want, in milliseconds: undefined, it knows; Infinity, it has
   * not joined yet, and keeps everything.
   */
  readonly knownUntil: number | undefined
}
