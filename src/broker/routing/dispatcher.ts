import type { Envelope, Headers } from '../../message/envelope.js'
import type { MessageFactory } from './message-factory.js'
import type { Pause } from '../subscription/backlog/pause.js'
import type { Subscription } from '../subscription/subscription.js'

/** The broker, as the dispatcher uses it. */
export interface DispatcherOwner {
  /** Nothing is queued and no subscription is ready, for now. */
  drained(): void
}

/**
 * Hands messages out one after another, never one inside the other. A message that a handler publishes is queued behind
 * the message in hand, so that every subscriber sees the same order and no stack overflows.
 */
export class Dispatcher {
  readonly #owner: DispatcherOwner
  readonly #soon: (run: () => void) => void
  #busy = false
  /** Published during a delivery, each with the targets that matched at that moment. */
  #queued: { envelope: Envelope; targets: readonly Subscription[]; pause: Pause | undefined }[] = []
  readonly #ready = new Set<Subscription>()
  /** A message may be queued, or a subscription ready. */
  #hasMore = false
  #isScheduled = false
  #published = 0

  constructor(owner: DispatcherOwner, soon: (run: () => void) => void) {
    this.#owner = owner
    this.#soon = soon
  }

  /** A delivery is running: publishes queue, dispatches wait. */
  get isBusy(): boolean {
    return this.#busy
  }

  /** The number of messages accepted. */
  get published(): number {
    return this.#published
  }

  get queued(): number {
    return this.#queued.length
  }

  get isDrained(): boolean {
    return this.#queued.length === 0 && this.#ready.size === 0
  }

  /**
   * The usual way, for a message with one target.
   *
   * @returns false if the target cannot take it straight; then nothing was done
   */
  runStraight(envelope: Envelope, target: Subscription): boolean {
    if (this.#busy || !target.isStraight) return false
    this.#published += 1
    this.#busy = true
    try {
      target.take(envelope)
    } finally {
      this.#busy = false
    }
    if (this.#hasMore) this.#drainAlone()
    return true
  }

  /**
   * Like `runStraight`, for a message published in this process.
   *
   * @returns false if the target cannot take it straight; then nothing was done
   */
  publishStraight(
    messages: MessageFactory,
    topic: string,
    headers: Headers,
    payload: unknown,
    target: Subscription,
  ): boolean {
    if (this.#busy || !target.isStraight) return false
    this.#published += 1
    this.#busy = true
    try {
      target.takeStraight(messages, topic, headers, payload)
    } finally {
      this.#busy = false
    }
    if (this.#hasMore) this.#drainAlone()
    return true
  }

  /**
   * Hands the message to all targets at once or, during a delivery, as soon as it is the message's turn.
   *
   * @param isOwn it was published at this host: each message counts once in the van
   * @param pause some of the targets have no room
   */
  run(envelope: Envelope, targets: readonly Subscription[], isOwn: boolean, pause?: Pause): void {
    if (isOwn) this.#published += 1
    if (this.#busy) {
      this.enqueue(envelope, targets, pause)
      return
    }
    this.#busy = true
    try {
      this.#distribute(envelope, targets, pause)
      if (this.#hasMore) this.#drain()
    } finally {
      this.#busy = false
    }
  }

  enqueue(envelope: Envelope, targets: readonly Subscription[], pause?: Pause): void {
    for (const target of targets) target.queued += 1
    this.#queued.push({ envelope, targets, pause })
    this.#hasMore = true
  }

  /** The subscription may be able to hand out a message. */
  wake(subscription: Subscription): void {
    this.#ready.add(subscription)
    this.#hasMore = true
    this.schedule()
  }

  forget(subscription: Subscription): void {
    this.#ready.delete(subscription)
  }

  /** Dispatches soon, outside the current call stack. A running delivery does so anyway. */
  schedule(): void {
    if (this.#busy || this.#isScheduled) return
    this.#isScheduled = true
    this.#soon(() => {
      this.#isScheduled = false
      if (!this.#busy) this.#drainAlone()
    })
  }

  #drainAlone(): void {
    this.#busy = true
    try {
      this.#drain()
    } finally {
      this.#busy = false
    }
  }

  #drain(): void {
    for (;;) {
      if (this.#queued.length > 0) {
        const batch = this.#queued
        this.#queued = []
        for (const { envelope, targets, pause } of batch)
          for (const target of targets) this.#route(envelope, target, pause)
        continue
      }
      if (this.#ready.size === 0) break
      this.#dispatchReady()
    }
    this.#hasMore = false
    this.#owner.drained()
  }

  /** Serves the first ready subscription until it has nothing more to hand out, or a message was published. */
  #dispatchReady(): void {
    for (const subscription of this.#ready) {
      while (subscription.dispatchOne()) if (this.#queued.length > 0) return
      this.#ready.delete(subscription)
      return
    }
  }

  /**
   * When the first target's handler publishes, this message is counted at the others already. (Not for…of: these loops
   * run once for each message.)
   */
  #distribute(envelope: Envelope, targets: readonly Subscription[], pause: Pause | undefined): void {
    for (let at = 0; at < targets.length; at += 1) {
      const target = targets[at]
      if (target !== undefined) target.queued += 1
    }
    for (let at = 0; at < targets.length; at += 1) {
      const target = targets[at]
      if (target !== undefined) this.#route(envelope, target, pause)
    }
  }

  #route(envelope: Envelope, target: Subscription, pause: Pause | undefined): void {
    target.queued -= 1
    if (pause?.isFor(target) === true) target.take(envelope, pause)
    else target.take(envelope)
  }
}
