import { encodeSync } from '../../wire/frames/control-frames.js'
import { FrameKind } from '../../wire/frames/frames.js'
import type { RemoteConsumers } from './consumers/remote-consumers.js'
import type { SessionOutput } from './session-output.js'

/** The SYNC frames of one subscription without an answer. */
export interface OpenSync {
  readonly subscription: number
  readonly count: number
}

/** The SYNC frames of one client: each is answered by SYNCED, by this process or by the next one. */
export class OpenSyncs {
  readonly #consumers: Pick<RemoteConsumers, 'caughtUp'>
  readonly #output: Pick<SessionOutput, 'send'>
  /** Their number, by subscription. */
  readonly #open = new Map<number, number>()

  constructor(consumers: Pick<RemoteConsumers, 'caughtUp'>, output: Pick<SessionOutput, 'send'>) {
    this.#consumers = consumers
    this.#output = output
  }

  get open(): readonly OpenSync[] {
    return [...this.#open].map(([subscription, count]) => ({ subscription, count }))
  }

  answer(subscription: number): void {
    this.#open.set(subscription, (this.#open.get(subscription) ?? 0) + 1)
    this.#answerLater(subscription)
  }

  /** Call it before any other: those that another process has not answered. */
  restore(open: readonly OpenSync[]): void {
    for (const { subscription, count } of open) this.#open.set(subscription, count)
  }

  /** Answers those of the other process. Call it when its consumers are here. */
  answerAgain(): void {
    for (const { subscription, count } of this.open)
      for (let each = 0; each < count; each += 1) this.#answerLater(subscription)
  }

  #answerLater(subscription: number): void {
    void this.#consumers.caughtUp(subscription).then(() => {
      const count = this.#open.get(subscription) ?? 0
      if (count > 1) this.#open.set(subscription, count - 1)
      else this.#open.delete(subscription)
      this.#output.send(FrameKind.Synced, encodeSync(subscription))
    })
  }
}
