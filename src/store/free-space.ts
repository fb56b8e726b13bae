import { statfsSync } from 'node:fs'
import { describe, StoreError, StoreFullError } from '../errors.js'
import { DEFAULT_FLOOR } from './store.js'

/** One look at the disk is valid this long, while the writes since are small compared with the room. */
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

  /**
   * Call it before messages are accepted.
   *
   * @throws StoreFullError, StoreError
   */
  check(bytes: number): void {
    const needed = this.#look(bytes, this.#floor)
    if (this.#room < needed) {
      throw new StoreFullError(
        `The disk of the store (${this.#folder}) is full except for the ${Math.ceil(this.#floor / 1024 / 1024)} MiB that stay free. ` +
          'Free some room; the host takes publishes over again as soon as there is some.',
      )
    }
    this.#room -= needed
  }

  /**
   * Call it before any write, also below the floor: lmdb must not find out that the disk is really full, because it may
   * then end the process.
   *
   * @throws StoreFullError, StoreError
   */
  checkAll(bytes: number): void {
    const needed = this.#look(bytes, 0)
    if (this.#room + this.#floor >= needed) return
    throw new StoreFullError(
      `The disk of the store (${this.#folder}) is full. Free some room; the host writes everything as soon as there is some.`,
    )
  }

  /**
   * @returns the room that a write of these bytes needs
   */
  #look(bytes: number, floor: number): number {
    // lmdb writes whole pages anew, and the pages that lead to them.
    const needed = 2 * bytes + 256 * 1024
    const now = performance.now()
    if (now - this.#lookedAt > LOOK_EVERY_MS || this.#room + this.#floor - floor < needed) {
      this.#room = roomIn(this.#folder) - this.#floor
      this.#lookedAt = now
    }
    return needed
  }

  /** The last look is not valid any more. */
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
