import type { Envelope } from '../../../message/envelope.js'
import type { HostQueue } from './host-queue.js'

/** The memory of a reach, which a hand-over brings to the next process of this host. */
export interface ReachMemory {
  /** The last messages of other hosts. */
  readonly seen?: SeenMessages
  /** The messages for the host that this one has joined. */
  readonly outgoing?: Outgoing
}

export interface SeenMessages {
  /** The number of the last message by topic, for each publisher. */
  all(): Iterable<readonly [publisher: string, topics: ReadonlyMap<string, number>]>
  restore(publisher: string, topics: Iterable<readonly [topic: string, last: number]>): void
}

export interface Outgoing {
  readonly queue: HostQueue
  readonly standing: Standing
  /** Messages that the other host held for waiting publishers, and has lost: the next one is owed them. */
  readonly lost: readonly Envelope[]
  /** Continues the standing of another process. Call it before the other host is reached. */
  continueFrom(standing: Standing): void
  /** Continues with the lost messages of another process. */
  owesAgain(lost: readonly Envelope[]): void
}

/** This host's knowledge of the host that it has joined. */
export interface Standing {
  /** The patterns that it wants. */
  readonly wanted: readonly (RegExp | string)[]
  /** The memory, or the store, of that host. */
  readonly memory: string | undefined
}
