import type { ByteBudget } from './byte-budget.js'
import { Block, type BlockOwner } from './block.js'
import { Room } from './room.js'
import { Separator } from './separator.js'

/** Of blocks with few waiting messages: beyond this, these get bytes of their own. */
const MOST_WASTED = 16 * 1024 * 1024

export interface WaitingMemoryOptions {
  readonly budget: ByteBudget
  /** Runs something outside the current call stack. */
  readonly soon: (run: () => void) => void
  /** Moves all waiting messages. */
  readonly separate: (separator: Separator) => void
}

/** The memory of the messages that wait in a van, with everything that they keep from being freed. */
export class WaitingMemory implements BlockOwner {
  readonly #options: WaitingMemoryOptions
  readonly #budget: ByteBudget
  readonly #room: Room
  readonly #wasted = new Set<Block>()
  #wastedBytes = 0
  #isScheduled = false

  constructor(options: WaitingMemoryOptions) {
    this.#options = options
    this.#budget = options.budget
    this.#room = new Room(options.budget)
  }

  get bytes(): number {
    return this.#budget.bytes
  }

  /** Publishers wait. */
  get isFull(): boolean {
    return this.#budget.isFull
  }

  /** Publishes are refused. */
  get isOverfull(): boolean {
    return this.#budget.isOverfull
  }

  /** Resolves when there is room. */
  room(): Promise<void> {
    return this.#room.wait()
  }

  /** Rejects the promises of publishers that wait for room. */
  refuseHeld(error: Error): void {
    this.#room.refuse(error)
  }

  /** Counts blocks in that budget in place of this memory, which still moves their messages. */
  ownerIn(budget: Pick<ByteBudget, 'add'>): BlockOwner {
    return {
      used: bytes => budget.add(bytes),
      wasted: block => this.wasted(block),
      over: block => this.over(block),
    }
  }

  used(bytes: number): void {
    this.#budget.add(bytes)
  }

  wasted(block: Block): void {
    this.#wasted.add(block)
    this.#wastedBytes += block.bytes
    if (this.#wastedBytes <= MOST_WASTED || this.#isScheduled) return
    this.#isScheduled = true
    this.#options.soon(() => {
      this.#isScheduled = false
      this.separate()
    })
  }

  over(block: Block): void {
    if (this.#wasted.delete(block)) this.#wastedBytes -= block.bytes
  }

  /**
   * The block of these bytes.
   *
   * @param last the one of the bytes before, which may be in the same memory
   * @param owner counts it beside this memory
   */
  blockOf({ buffer }: Uint8Array, last?: Block, owner: BlockOwner = this): Block {
    return last?.isOf(buffer) === true ? last : new Block(owner, buffer.byteLength, buffer)
  }

  /** Frees the blocks in which few messages wait. */
  separate(): void {
    const wasted = [...this.#wasted]
    const sparse = wasted.filter(block => block.isSparse)
    if (sparse.length > 0) this.#options.separate(new Separator(sparse))
    for (const block of wasted) block.rest()
  }
}
