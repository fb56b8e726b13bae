import type { Membership } from '../../bus/contract/broker.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Member } from './member.js'

const none: readonly Member[] = []

/** The members of a subscription. Those with credit take turns. */
export class Members {
  /** Each change makes a list of exactly its size: mostly it is one member. */
  #present = none
  /** Members that left with messages that they still settle. */
  #leaving = none
  #next = 0

  get size(): number {
    return this.#present.length
  }

  /** The present member, if it is the only one. */
  get only(): Member | undefined {
    return this.#present.length === 1 ? this.#present[0] : undefined
  }

  get inFlight(): number {
    let sum = 0
    for (const member of this.#present) sum += member.inFlight
    for (const member of this.#leaving) sum += member.inFlight
    return sum
  }

  /** Not counting members whose connection is cut. */
  get isAttended(): boolean {
    return this.#present.some(({ isAway }) => !isAway)
  }

  ruled(rules: SubscriptionRequest): void {
    for (const member of this.#present) member.ruled(rules)
  }

  /** The present members, and those that left and still settle. */
  all(): readonly Member[] {
    return [...this.#present, ...this.#leaving]
  }

  add(member: Member): void {
    for (const other of this.#present) other.isPassed = true
    for (const other of this.#leaving) other.isPassed = true
    if (this.#present.length > 0) member.isPassed = true
    // Spreading a list into another leaves room for sixteen more.
    this.#present = this.#present.length === 0 ? [member] : [...this.#present, member]
  }

  leave(member: Member): void {
    this.#present = this.#present.filter(each => each !== member)
    if (!this.#leaving.includes(member)) this.#leaving = [...this.#leaving, member]
  }

  /** A delivery was settled: forgets members that left and hold nothing any more. */
  forgetGone(): void {
    if (this.#leaving.length > 0) this.#leaving = this.#leaving.filter(member => member.inFlight > 0)
  }

  /**
   * Prefers another member than the one that failed the message.
   *
   * @param topic of the message: skips members that may not see it
   * @param again if there is no other, that one may have it beyond its credit in bytes
   */
  choose(avoid: Membership | undefined, topic: string, again = false): Member | undefined {
    const present = this.#present
    let fallback: Member | undefined
    for (let step = 0; step < present.length; step += 1) {
      const at = (this.#next + step) % present.length
      const member = present[at]
      if (member?.hasCredit !== true || !member.sees(topic)) continue
      if (member === avoid && present.length > 1) {
        fallback = member
        continue
      }
      this.#next = at + 1
      return member
    }
    return fallback ?? (again ? present.find(each => each === avoid && each.takesBack) : undefined)
  }

  /** Members are present, and none may see this topic. */
  noneSees(topic: string): boolean {
    return this.#present.length > 0 && !this.#present.some(member => member.sees(topic))
  }

  /** Gives back the open messages of the present members. */
  surrender(): void {
    for (const member of this.#present) member.surrender()
  }

  /** Removes and returns all present members. */
  takeAll(): readonly Member[] {
    const all = this.#present
    this.#present = none
    return all
  }

  endLeaving(): void {
    const leaving = this.#leaving
    this.#leaving = none
    for (const member of leaving) member.end()
  }
}
