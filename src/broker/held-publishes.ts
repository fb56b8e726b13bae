import type { Envelope } from '../message/envelope.js'
import type { Relay } from './relay.js'
import type { Subscription } from './subscription.js'

interface Held {
  readonly envelope: Envelope
  /** The way by which it came: it does not go back by it. */
  readonly from: Relay | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/**
 * Publishes that wait for room, in order per topic: a full subscription with `overflow: 'pause'` holds back the topics
 * that it matches and no others.
 */
export class HeldPublishes {
  readonly #takeOver: (envelope: Envelope, from: Relay | undefined) => void
  readonly #targets: (envelope: Envelope, from: Relay | undefined) => readonly Subscription[]
  readonly #byTopic = new Map<string, Held[]>()
  #size = 0

  constructor(
    targets: (envelope: Envelope, from: Relay | undefined) => readonly Subscription[],
    takeOver: (envelope: Envelope, from: Relay | undefined) => void,
  ) {
    this.#targets = targets
    this.#takeOver = takeOver
  }

  get size(): number {
    return this.#size
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  /** @param by who has no room; undefined when others of this topic wait already */
  hold(envelope: Envelope, by: Subscription | undefined, from?: Relay): Promise<void> {
    by?.holdBack(envelope.topic)
    this.#size += 1
    return new Promise((resolve, reject) => {
      const waiting = this.#byTopic.get(envelope.topic)
      const held = { envelope, from, resolve, reject }
      if (waiting === undefined) this.#byTopic.set(envelope.topic, [held])
      else waiting.push(held)
    })
  }

  /** Takes over as many as there is room for now. Topics take turns: one that is held back again lines up at the end. */
  roomAt(subscription: Subscription): void {
    for (const topic of subscription.holdsBack) {
      if (subscription.isFull && subscription.rules.overflow === 'pause') return
      subscription.letGo(topic)
      this.#release(topic)
    }
  }

  #release(topic: string): void {
    const waiting = this.#byTopic.get(topic)
    if (waiting === undefined) return
    let taken = 0
    for (const held of waiting) {
      const full = this.#targets(held.envelope, held.from).find(
        target => target.isFull && target.rules.overflow === 'pause',
      )
      if (full !== undefined) {
        full.holdBack(topic)
        break
      }
      taken += 1
      this.#takeOver(held.envelope, held.from)
      held.resolve()
    }
    this.#size -= taken
    if (taken === waiting.length) this.#byTopic.delete(topic)
    else waiting.splice(0, taken)
  }

  rejectAll(error: Error): void {
    for (const waiting of this.#byTopic.values()) for (const held of waiting) held.reject(error)
    this.#byTopic.clear()
    this.#size = 0
  }
}
