import type { Observable } from 'rxjs'
import { Actor, type ActorAddress, type ActorContext, type Message } from '../../src/index.js'

/** Answers with what it was asked. */
export class Echo extends Actor {
  override receive({ payload }: Message): unknown {
    return payload
  }
}

/** One of a chain: adds one, and asks the next; the last one's answer comes back through all. */
export class Adder extends Actor<number> {
  readonly #next: ActorAddress | undefined

  constructor({ next }: { next?: ActorAddress }) {
    super()
    this.#next = next
  }

  override receive({ payload }: Message<number>, { ask }: ActorContext): number | Observable<number> {
    return this.#next === undefined ? payload + 1 : ask<number>(this.#next, payload + 1)
  }
}

/** One of a chain: passes what it is told on to the next. The last one counts, and says so when it is asked with `null`. */
export class Relay extends Actor<number | null> {
  readonly #next: ActorAddress | undefined
  #count = 0
  #isInOrder = true

  constructor({ next }: { next?: ActorAddress }) {
    super()
    this.#next = next
  }

  override receive({ payload }: Message<number | null>, { tell }: ActorContext): unknown {
    if (payload === null) return { count: this.#count, isInOrder: this.#isInOrder }
    if (this.#next !== undefined) return tell(this.#next, payload)
    this.#isInOrder &&= payload === this.#count
    this.#count += 1
    return undefined
  }
}
