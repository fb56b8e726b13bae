import { DeliveryMemory } from './delivery-memory.js'

/** With more names, it forgets those with nothing to remember, then the oldest half. */
const MOST_NAMES = 1_000

/** The memory of each name that this bus subscribed to, whether a subscription is open or not. */
export class DeliveryMemories {
  readonly #byName = new Map<string, DeliveryMemory>()

  /** @param name undefined: a memory for this subscription alone */
  of(name: string | undefined): DeliveryMemory {
    const known = name === undefined ? undefined : this.#byName.get(name)
    return known ?? this.#begin(name, undefined)
  }

  /** A subscription joined this incarnation of the name. Another incarnation owes other messages. */
  joined(name: string, incarnation: string): DeliveryMemory {
    const known = this.#byName.get(name)
    if (known === undefined || (known.incarnation ?? incarnation) !== incarnation)
      return this.#begin(name, incarnation)
    known.incarnation = incarnation
    return known
  }

  sessionLost(): void {
    for (const memory of this.#byName.values()) memory.sessionLost()
  }

  #begin(name: string | undefined, incarnation: string | undefined): DeliveryMemory {
    const memory = new DeliveryMemory()
    if (name === undefined) return memory
    memory.incarnation = incarnation
    if (this.#byName.size >= MOST_NAMES) this.#prune()
    this.#byName.set(name, memory)
    return memory
  }

  #prune(): void {
    for (const [name, { isEmpty }] of this.#byName) if (isEmpty) this.#byName.delete(name)
    for (const name of this.#byName.keys()) {
      if (this.#byName.size <= MOST_NAMES / 2) return
      this.#byName.delete(name)
    }
  }
}
