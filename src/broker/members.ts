import type { Member } from './member.js'

/** Who takes part in a subscription, each in turn among those with credit. */
export class Members {
  readonly #present: Member[] = []
  /** Members that left with messages that they still settle. */
  #leaving: Member[] = []
  #next = 0

  get size(): number {
    return this.#present.length
  }

  /** The one that takes part, where there is just one. */
  get only(): Member | undefined {
    return this.#present.length === 1 ? this.#present[0] : undefined
  }

  get inFlight(): number {
    let sum = 0
    for (const member of this.#present) sum += member.inFlight
    for (const member of this.#leaving) sum += member.inFlight
    return sum
  }

  add(member: Member): void {
    this.#present.push(member)
  }

  leave(member: Member): void {
    const at = this.#present.indexOf(member)
    if (at >= 0) this.#present.splice(at, 1)
    if (!this.#leaving.includes(member)) this.#leaving.push(member)
  }

  /** A delivery was settled: who left and holds nothing any more is forgotten. */
  forgetGone(): void {
    if (this.#leaving.length > 0) this.#leaving = this.#leaving.filter(member => member.inFlight > 0)
  }

  /** For a retry rather another one than who failed it. */
  choose(avoid: Member | undefined): Member | undefined {
    const present = this.#present
    let fallback: Member | undefined
    for (let step = 0; step < present.length; step += 1) {
      const at = (this.#next + step) % present.length
      const member = present[at]
      if (member?.hasCredit !== true) continue
      if (member === avoid && present.length > 1) {
        fallback = member
        continue
      }
      this.#next = at + 1
      return member
    }
    return fallback
  }

  /** All who take part, who do so no more. */
  takeAll(): Member[] {
    return this.#present.splice(0)
  }

  endLeaving(): void {
    for (const member of this.#leaving.splice(0)) member.end()
  }
}
