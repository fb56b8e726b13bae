import { ClosedError } from '../../../errors.js'
import type { Missed } from '../../../wire/missed.js'

export interface FollowerGapOptions {
  readonly van: string
  readonly leader: string
  /** This host has reached the leader before. */
  readonly wasUp: () => boolean
  /** Asks the leader whether it knows the process before this one, and now owes its messages to this one. */
  readonly hasContinued: () => Promise<unknown>
  /** Tells the clients of this host. */
  readonly missed: (missed: Missed) => void
  readonly warn: (text: string) => void
}

/** Reports messages that were published elsewhere, or waited in a leader's memory that is gone, and reach no client here. */
export class FollowerGap {
  readonly #options: FollowerGapOptions
  /** Another process had a session with the leader: the messages missed since then are not known yet. */
  #hasBefore = false

  constructor(options: FollowerGapOptions) {
    this.#options = options
  }

  /** This host goes on in the place of another process. */
  continue(): void {
    this.#hasBefore = true
  }

  missed(missed: Missed): void {
    if (this.#hasBefore) return this.#missedBefore(missed)
    // Subscriptions from before the first join have no promise about other hosts.
    if (this.#options.wasUp()) this.#tell(missed)
  }

  #missedBefore(missed: Missed): void {
    this.#hasBefore = false
    this.#options.hasContinued().then(
      hasContinued => {
        if (hasContinued !== true) this.#tell(missed)
      },
      // Closed, or of a version that knows nothing of it.
      (error: unknown) => {
        if (!(error instanceof ClosedError)) this.#tell(missed)
      },
    )
  }

  #tell(missed: Missed): void {
    const { van, leader, warn } = this.#options
    this.#options.missed(missed)
    const names = missed.named ? ', and the messages of named subscriptions in its memory are lost' : ''
    warn(
      `van ${van}: the leader at ${leader} does not know this host any more. ` +
        `Subscriptions without a name may have missed messages${names}: the clients concerned get a GapError.`,
    )
  }
}
