import { ByteBudget } from '../../broker/memory/byte-budget.js'
import type { BlockOwner } from '../../broker/memory/block.js'
import { Room } from '../../broker/memory/room.js'
import type { WaitingMemory } from '../../broker/memory/waiting-memory.js'
import type { LimitError } from '../../errors.js'
import { WINDOW_BYTES } from '../../wire/protocol.js'
import type { PrincipalLimits } from './definition.js'
import type { Refused } from './refused.js'

/** Publishes that wait are taken up to this share of the limit, or up to what a client has on its way before it knows. */
const MOST = 1.25

/** What a principal has in the memory of this host: publishes of its clients that wait, and data that they have not read. */
export class PrincipalMemory {
  readonly budget = new ByteBudget(Infinity)
  readonly #refused: Refused
  readonly #room = new Room(this.budget)
  readonly #owners = new WeakMap<WaitingMemory, BlockOwner>()
  #over: PrincipalLimits['over'] = 'wait'

  constructor(limits: PrincipalLimits | undefined, refused: Refused) {
    this.#refused = refused
    this.renew(limits)
  }

  renew({ waiting = Infinity, over }: PrincipalLimits = { over: 'wait' }): void {
    this.#over = over
    this.budget.renew(waiting)
  }

  /** Counts blocks of its publishes in a van, and here. */
  ownerIn(memory: WaitingMemory): BlockOwner {
    let owner = this.#owners.get(memory)
    if (owner === undefined) {
      owner = {
        used: bytes => {
          memory.used(bytes)
          this.budget.add(bytes)
        },
        wasted: block => memory.wasted(block),
        over: block => memory.over(block),
      }
      this.#owners.set(memory, owner)
    }
    return owner
  }

  /** @returns why it may publish nothing now */
  refusal(): LimitError | undefined {
    const { budget } = this
    const most = this.#over === 'refuse' ? budget.max : Math.max(MOST * budget.max, budget.max + WINDOW_BYTES)
    if (budget.bytes < most) return undefined
    const advice =
      this.#over === 'refuse'
        ? `${budget.bytes} bytes of its publishes wait, or are unread. Publish again later`
        : `It goes on publishing although its publishes wait for its limit of ${budget.max} bytes. Await them before the next ones`
    return this.#refused.refuse('waiting', advice)
  }

  /** Resolves when its publishes are within the limit; undefined when they are. */
  room(): Promise<void> | undefined {
    return this.budget.isFull ? this.#room.wait() : undefined
  }
}
