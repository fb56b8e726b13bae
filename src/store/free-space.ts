import { statfsSync } from 'node:fs'
import { describe, StoreError, StoreFullError } from '../errors.js'

/** Below this much free room nothing more is written: a disk that is really full breaks more than this store. */
export const DEFAULT_FLOOR = 64 * 1024 * 1024

/** So long one look at the disk holds, as long as what is written meanwhile is little beside the room there was. */
const LOOK_EVERY_MS = 250

/** Watches the room on a folder's disk, and refuses before it is gone. */
export class FreeSpace {
  readonly #folder: string
  readonly #floor: number
  #room = 0
  #lookedAt = -Infinity

  constructor(folder: string, floor = DEFAULT_FLOOR) {
    this.#folder = folder
    this.#floor = floor
  }

  /** Before messages are taken over. @throws StoreFullError, StoreError */
  check(bytes: number): void {
    const needed = this.#look(bytes, this.#floor)
    if (this.#room < needed) {
      throw new StoreFullError(
        `The disk of the store (${this.#folder}) is full but for the ${Math.ceil(this.#floor / 1024 / 1024)} MiB that are left free. ` +
          'Free some; publishes are taken over again as soon as there is room.',
      )
    }
    this.#room -= needed
  }

  /**
   * Before anything is written, also below the floor: a disk that is really full must not be found out by lmdb, whose own way of
   * saying so may end the process.
   *
   * @throws StoreFullError, StoreError
   */
  checkAll(bytes: number): void {
    const needed = this.#look(bytes, 0)
    if (this.#room + this.#floor >= needed) return
    throw new StoreFullError(
      `The disk of the store (${this.#folder}) is full. Free some; everything is written as soon as there is room.`,
    )
  }

  /** @returns how much is needed for so many bytes */
  #look(bytes: number, floor: number): number {
    // lmdb writes whole pages, and those that lead to them, anew.
    const needed = 2 * bytes + 256 * 1024
    const now = performance.now()
    if (now - this.#lookedAt > LOOK_EVERY_MS || this.#room + this.#floor - floor < needed) {
      this.#room = roomIn(this.#folder) - this.#floor
      this.#lookedAt = now
    }
    return needed
  }

  /** What was seen last is no longer so. */
  forget(): void {
    this.#lookedAt = -Infinity
  }
}

function roomIn(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch (error) {
    throw new StoreError(`The store's folder ${folder} cannot be reached (${describe(error)}).`, {
      cause: error,
    })
  }
}
