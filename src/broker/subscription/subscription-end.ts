import type { Unrouted } from '../../bus/contract/broker.js'
import type { Item } from './backlog/item.js'
import type { SubscriptionCore } from './subscription-core.js'

/** The end of a subscription, and of the messages that it still owes or that come back afterwards. */
export class SubscriptionEnd {
  readonly #subscription: SubscriptionCore
  /** Gets the remaining messages, if they do not end with the subscription. */
  #giveUp: ((item: Item) => void) | undefined
  /** The subscription is unnamed, and its consumer died: no consumer will ever take its messages. */
  #isLost = false

  constructor(subscription: SubscriptionCore) {
    this.#subscription = subscription
  }

  /** Its messages are given up one by one, and so is any message that comes. */
  get isGivingUp(): boolean {
    return this.#giveUp !== undefined
  }

  /** Its only consumer died: it drops all that it owes. */
  lose(): void {
    this.#isLost = true
    this.#drop(this.#subscription.backlog.size)
  }

  /** Returns the messages, which the subscription does not owe any more. */
  end(completeMembers: boolean): Item[] {
    const owed = this.#subscription.backlog.takeAll()
    this.#end(completeMembers)
    return owed
  }

  retire(giveUp: (item: Item) => void): void {
    const { members, backlog } = this.#subscription
    members.surrender()
    backlog.endRetries()
    backlog.reorder(undefined)
    this.#giveUp = giveUp
    this.#end(true)
  }

  giveUpSome(most: number, mostBytes: number): boolean {
    const { backlog } = this.#subscription
    let bytes = 0
    for (let count = 0; count < most && bytes < mostBytes; count += 1) {
      const item = backlog.shift()
      if (item === undefined) break
      bytes += item.envelope.size
      this.#giveUp?.(item)
    }
    return backlog.queued > 0
  }

  /**
   * A message that comes back after the end is not owed any more, or is given up. The sender of a request gets a notice.
   */
  tooLate(items: readonly Item[]): void {
    if (this.#giveUp !== undefined) return items.forEach(this.#giveUp)
    const { isLent, owner } = this.#subscription
    if (isLent) for (const { envelope, failures } of items) owner.unrouted(envelope, leftBy(failures))
    this.#drop(items.length)
  }

  #end(completeMembers: boolean): void {
    this.#subscription.throttle?.close()
    const { members } = this.#subscription
    this.#subscription.changed()
    this.#subscription.hasEnded = true
    for (const member of members.takeAll()) {
      member.end()
      if (completeMembers) member.complete()
    }
    // Not for an unnamed one that its consumer left: that consumer may still settle the messages that it took along.
    if (completeMembers && this.#giveUp === undefined) members.endLeaving()
    this.#subscription.letIn()
  }

  #drop(count: number): void {
    if (this.#isLost && count > 0) this.#subscription.count('dropped', count)
  }
}

function leftBy(failures: number): Unrouted {
  return failures > 0 ? 'died' : 'left'
}
