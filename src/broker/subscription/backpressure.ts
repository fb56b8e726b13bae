import type { Envelope } from '../../message/envelope.js'
import { isNewsTopic } from '../../message/topic.js'
import { HeldBack } from './backlog/held-back.js'
import type { Item } from './backlog/item.js'
import type { Pause } from './backlog/pause.js'
import type { SubscriptionCore } from './subscription-core.js'
import type { SubscriptionOwner } from './subscription-owner.js'

/** Sizes of messages at the end of a queue that no consumer had, in order. */
export interface Unread {
  readonly count: number
  readonly bytes: number
  sizes(): Iterable<number>
}

/** Keeps a subscription within its limits: its overflow rule holds publishers back or drops messages. */
export class Backpressure<S extends SubscriptionCore> {
  readonly #subscription: S
  readonly #owner: SubscriptionOwner<S>
  /** It dropped this message. */
  readonly #dropped: (envelope: Envelope) => void

  constructor(subscription: S, owner: SubscriptionOwner<S>, dropped: (envelope: Envelope) => void) {
    this.#subscription = subscription
    this.#owner = owner
    this.#dropped = dropped
  }

  /**
   * Queues a new message by the overflow rule.
   *
   * @param pause its publisher waits if there is no room
   * @param isGivingUp the subscription has ended, and gives this message up with the others
   */
  enqueue(envelope: Envelope, pause: Pause | undefined, isGivingUp: boolean): void {
    const subscription = this.#subscription
    const { hasEnded, mustWait } = subscription
    if (mustWait && subscription.overflowOf(envelope.topic) === 'pause') {
      subscription.enqueue(envelope)
      return this.#hold(envelope.size, pause)
    }
    pause?.taken()
    if (!isGivingUp && (hasEnded || (mustWait && !this.#makeRoom(envelope)))) return
    subscription.enqueue(envelope)
  }

  /** Queues messages of another process that were never handed out, with their places in the order. */
  restore(items: Iterable<Item>): void {
    const subscription = this.#subscription
    for (const item of items) {
      const mustWait = subscription.mustWait && subscription.overflowOf(item.envelope.topic) === 'pause'
      subscription.backlog.push(item)
      // Its publisher waits again when it is back.
      if (mustWait) this.#hold(item.envelope.size, undefined)
    }
  }

  /** The last message of the queue has no room: its publisher waits, if there is one. */
  #hold(size: number | undefined, pause: Pause | undefined): void {
    const { backlog } = this.#subscription
    const held = (backlog.heldBack ??= new HeldBack())
    const isFirst = held.isEmpty
    held.add(size, pause)
    if (isFirst) this.#owner.paused(this.#subscription)
    this.#reportCrowding(held, held.isMuch)
    if (pause !== undefined && this.#isAbandoned && held.isNews(pause))
      this.#owner.abandonedPublisher(this.#subscription, pause)
  }

  /** A publisher comes again whose message has been here since before the start: it waits for room. */
  awaitRoom(pause: Pause): void {
    const { backlog, rules, hasEnded } = this.#subscription
    if (hasEnded || (backlog.isWithin(rules) && !backlog.isHolding)) pause.taken()
    else this.#hold(undefined, pause)
  }

  /** Holds, after a start, the unread messages that exceed the limits. No publisher waits for them. */
  holdAgain(unread: Unread): void {
    const { backlog, rules } = this.#subscription
    if (rules.overflow !== 'pause' || backlog.isWithin(rules)) return
    let count = backlog.counted - unread.count
    let bytes = backlog.countedBytes - unread.bytes
    for (const size of unread.sizes()) {
      const isRoom = count < rules.maxPending && (bytes < rules.maxPendingBytes || count === 0)
      if (!isRoom || backlog.isHolding) this.#hold(size, undefined)
      count += 1
      bytes += size
    }
  }

  /** The last messages of the queue could not be written, and are gone from it. */
  forgetLast(count: number): void {
    this.#subscription.changed()
    this.#subscription.backlog.heldBack?.forgetLast(count)
    this.letIn()
  }

  /** Fewer messages wait than were counted: the last of them are still the held ones. */
  fewerWait(): void {
    const { held, queued } = this.#subscription.backlog
    if (held > queued) this.forgetLast(held - queued)
    else this.letIn()
  }

  /** Lets in as many as there is room for. */
  letIn(): void {
    const subscription = this.#subscription
    const { backlog } = subscription
    const held = backlog.heldBack
    if (held === undefined) return
    while (!held.isEmpty && !subscription.hasEnded) {
      const { rules } = subscription
      const isRoom = held.isFirstBare ? backlog.isWithin(rules) : backlog.hasRoom(rules)
      if (!isRoom) {
        if (rules.overflow === 'pause') return
        // By the new rules no publisher waits any more.
        if (rules.overflow === 'drop-oldest' && !held.isFirstBare) this.#dropOldest()
      }
      held.letIn()
    }
    if (subscription.hasEnded) held.letAllIn()
    if (held.isEmpty) this.#reportCrowding(held, false)
  }

  /** For the two rules that drop messages. False: the new one is dropped. */
  #makeRoom(envelope: Envelope): boolean {
    const overflow = this.#subscription.overflowOf(envelope.topic)
    const isNews = overflow !== this.#subscription.rules.overflow
    // News makes room for news only.
    const first = isNews ? this.#subscription.backlog.oldest : undefined
    const isNewest = isNews && (first === undefined || !isNewsTopic(first.envelope.topic))
    if (overflow === 'drop-newest' || isNewest) {
      this.#subscription.count('dropped')
      this.#dropped(envelope)
      return false
    }
    if (overflow === 'drop-oldest') this.#dropOldest()
    return true
  }

  /** Its last consumer may have left: publishers that wait learn of it. */
  reportAbandoned(): void {
    if (!this.#isAbandoned) return
    const held = this.#subscription.backlog.heldBack
    for (const pause of held?.uninformed() ?? []) this.#owner.abandonedPublisher(this.#subscription, pause)
  }

  /** Without a new consumer its messages stay. */
  get #isAbandoned(): boolean {
    const { backlog, members, rules } = this.#subscription
    return backlog.isHolding && members.size === 0 && rules.name !== undefined
  }

  #dropOldest(): void {
    const oldest = this.#subscription.backlog.shiftOldest()
    if (oldest === undefined) return
    this.#subscription.count('dropped')
    this.#dropped(oldest.envelope)
  }

  /** It is crowded from the moment when much is held until nothing is. */
  #reportCrowding(held: HeldBack, isCrowded: boolean): void {
    if (held.isCrowded === isCrowded || (held.isCrowded && !held.isEmpty)) return
    held.isCrowded = isCrowded
    this.#owner.crowded?.(this.#subscription, isCrowded)
  }
}
