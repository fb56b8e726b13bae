import type { Delayed, Place } from './delayed.js'

/** What the van knows of an id that a publisher gave. */
export interface KnownId {
  readonly topic: string
  /** Its message is delayed: the place, or in memory the message itself. */
  readonly delayed?: Place | Delayed | undefined
  /** When its message was taken over, or fired. By a clock that only goes forward in one process. */
  readonly at: number
}

/** The ids that were published a moment ago, or whose messages are delayed. */
export interface IdKeeper {
  /** A new id has no room. */
  readonly isFull: boolean
  readonly size: number
  find(key: string): KnownId | undefined
  remember(key: string, known: KnownId): void
  forget(key: string): void
  /** Forgets ids whose messages were taken over, or fired, before this time: a step of them. */
  forgetBefore(time: number): void
}

/** Given by publishers. */
export function keyOfId(id: string): string {
  return `i${id}`
}

/** Made by a client for a publish without an id, so that a repetition in its next session is found. */
export function keyOfMark(mark: string): string {
  return `m${mark}`
}

/** Of a client, not of an app. */
export function isMark(key: string): boolean {
  return key.startsWith('m')
}

const MOST = 1_000_000
const MOST_BYTES = 128 * 1024 * 1024
/** An entry beside its texts. */
const ENTRY_BYTES = 100
/** The most at once, so that other work has its turn. */
const STEP = 10_000

/** In memory. */
export class MemoryIds implements IdKeeper {
  readonly #known = new Map<string, KnownId>()
  /** Those that are done, the oldest first. */
  readonly #done = new Map<string, number>()
  #bytes = 0

  get size(): number {
    return this.#known.size
  }

  get isFull(): boolean {
    return this.#known.size >= MOST || this.#bytes >= MOST_BYTES
  }

  find(key: string): KnownId | undefined {
    return this.#known.get(key)
  }

  remember(key: string, known: KnownId): void {
    this.forget(key)
    this.#known.set(key, known)
    this.#bytes += bytesOf(key, known)
    if (known.delayed === undefined) this.#done.set(key, known.at)
  }

  forget(key: string): void {
    const known = this.#known.get(key)
    if (known === undefined) return
    this.#known.delete(key)
    this.#done.delete(key)
    this.#bytes -= bytesOf(key, known)
  }

  forgetBefore(time: number): void {
    let left = STEP
    for (const [key, at] of this.#done) {
      if (at >= time || left === 0) return
      left -= 1
      this.forget(key)
    }
  }

  all(): Iterable<[string, KnownId]> {
    return this.#known
  }
}

function bytesOf(key: string, { topic }: KnownId): number {
  return ENTRY_BYTES + 2 * (key.length + topic.length)
}
