import { relayRules } from '../../../broker/routing/relay.js'
import type { RemoteBroker } from '../../../client/remote-broker.js'
import { ForbiddenError, type MsgvanError } from '../../../errors.js'
import type { HostRef } from '../../../bus/contract/hosts.js'
import type { ReachingVan } from '../contract/reaching-van.js'
import { FollowerIntake } from './follower-intake.js'
import type { Seen } from './seen.js'

export interface FollowerJoinOptions {
  readonly remote: RemoteBroker
  readonly van: ReachingVan
  readonly seen: Seen
  /** The leader, for the van. */
  readonly from: HostRef
  /** This host's introduction, made for each session. */
  readonly introduction: () => object
  /** The leader refuses this host for now. */
  readonly refused: (error: MsgvanError) => void
  readonly warn: (text: string) => void
}

/** After a refusal this host asks again after this time; in a row each wait is twice as long, up to the second one. */
const AGAIN_MS = 1_000
const LONGEST_AGAIN_MS = 30_000

/** Asks the leader to let this host join: again, if it refuses. */
export class FollowerJoin {
  readonly #options: FollowerJoinOptions
  readonly #intake: FollowerIntake
  #again: NodeJS.Timeout | undefined
  #againMs = AGAIN_MS
  #isClosed = false

  constructor(options: FollowerJoinOptions) {
    this.#options = options
    const { van, seen, from, warn } = options
    this.#intake = new FollowerIntake({
      ...{ van, seen, from, warn },
      failed: error => this.#refused(error),
    })
  }

  ask(): void {
    const { remote, introduction } = this.#options
    remote.join(introduction, relayRules, this.#intake)
  }

  accepted(): void {
    this.#againMs = AGAIN_MS
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#again)
  }

  /** Rights may change while the connection lasts. */
  #refused(error: MsgvanError): void {
    this.#options.refused(error)
    if (this.#isClosed || !(error instanceof ForbiddenError)) return
    this.#again = setTimeout(() => this.ask(), this.#againMs)
    this.#againMs = Math.min(2 * this.#againMs, LONGEST_AGAIN_MS)
  }
}
