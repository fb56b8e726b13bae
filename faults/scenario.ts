import type { Stage } from './support/stage.js'

/** `'short'`: some seconds, for the test suite. `'long'`: as often as a fault is worth. */
export type Scale = 'short' | 'long'

/** What became of the messages of one run. */
export interface Account {
  /** The van took it over. */
  readonly accepted: number
  readonly acked: number
  readonly deadLettered: number
  /** Still owed at the end. */
  readonly waiting: number
  /** By an overflow rule. */
  readonly dropped: number
  /** Held by a host without a store when it was killed, or accepted before its successor knew the subscription. */
  readonly lostWithHost: number
  /** Accepted, and in none of the other places. */
  readonly lost: number
  /** Handled more than once. */
  readonly duplicates: number
}

export interface Outcome extends Account {
  /** From a fault until traffic went on, the longest, in milliseconds. Never judged. */
  readonly recovery: number | undefined
  /** What was injected, and what else was measured. */
  readonly notes: string
  /** What is wrong. Empty: it passed. */
  readonly problems: readonly string[]
}

/** One kind of fault, injected into real processes. Judged by its account, never by time. */
export interface Scenario {
  readonly name: string
  /** What is done to whom. */
  readonly title: string
  run(stage: Stage, scale: Scale): Promise<Outcome>
}
