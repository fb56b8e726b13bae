import type { BytesHolder } from '../../message/envelope.js'

/** A waiting message costs about this much beside its bytes. */
export const WAITING_BYTES = 128
/** A waiting message may keep twice its size and this much in memory. */
const SPARE = 256

/** The memory of a van, as its blocks use it. */
export interface BlockOwner {
  /** So many bytes more, or fewer, are in use. */
  used(bytes: number): void
  /** Its waiting messages take little of it. */
  wasted(block: Block): void
  /** No message waits in it any more. */
  over(block: Block): void
}

/**
 * A piece of memory with the bytes of messages, such as a frame: it is in use as long as one of them waits. A message
 * that waits in several subscriptions counts there each time.
 */
export class Block implements BytesHolder {
  #waits = 0
  #liveBytes = 0
  #isWasted = false
  #buffer: ArrayBufferLike | undefined

  /**
   * @param bytes that it takes
   * @param buffer the memory itself, to find the block again
   */
  constructor(
    private readonly owner: BlockOwner,
    readonly bytes: number,
    buffer?: ArrayBufferLike,
  ) {
    this.#buffer = buffer
  }

  /** A block for a copy of some of its bytes, which counts as this one does. */
  sibling(bytes: number): Block {
    return new Block(this.owner, bytes)
  }

  /** It is the block of this memory, and messages wait in it. */
  isOf(buffer: ArrayBufferLike): boolean {
    return this.#buffer === buffer
  }

  hold(size: number): void {
    this.#liveBytes += size
    this.#waits += 1
    this.owner.used(this.#waits === 1 ? this.bytes + WAITING_BYTES : WAITING_BYTES)
  }

  release(size: number): void {
    this.#liveBytes -= size
    this.#waits -= 1
    if (this.#waits > 0) {
      this.owner.used(-WAITING_BYTES)
      this.look()
      return
    }
    this.#buffer = undefined
    this.owner.used(-this.bytes - WAITING_BYTES)
    if (!this.#isWasted) return
    this.#isWasted = false
    this.owner.over(this)
  }

  /** Call it when all messages of a frame are taken in: before, few of them wait. */
  look(): void {
    if (this.#isWasted || this.#waits === 0 || !this.isSparse) return
    this.#isWasted = true
    this.owner.wasted(this)
  }

  /** It is dealt with. */
  rest(): void {
    this.#isWasted = false
    this.owner.over(this)
  }

  /** Its waiting messages keep more in memory than they may. */
  get isSparse(): boolean {
    return 2 * this.#liveBytes + SPARE * this.#waits < this.bytes
  }
}
